"""An error at any call before the sweep leaves all as it was, and the optimizer goes on.

Calls of Python and of C fail one after the other, until what is done gets through: of those that a line
makes again and again, the first and the last, or all with `--thorough`. Where it writes from
Python (numba, numpy), what fails inside the sweep, as by Ctrl-C, cannot be undone.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pytest
from faults import SHAPE
from faults.guarded import empty, guarded
from faults.injected import InjectedError, Injection, Site
from faults.scene import NAMES, arrays
from support.hashing import digest_with_identities as digest

import fastopt
from fastopt.optimizer import Optimizer

SAVED: dict[str, dict[str, Any]] = {}  # a state for each backend

# All of them, by where they are; each test adds its own.
SITES: set[Site] = set()


class Act(NamedTuple):
    """What is done to an optimizer, and the options that it is made with."""

    name: str
    options: dict[str, Any]
    do: Callable[[Optimizer], object]


def step(opt: Optimizer) -> object:
    return opt.step(arrays(7, np.float32))


def tried(opt: Optimizer) -> object:
    grads = arrays(7, np.float32)
    grads["b"][...] = 1e17
    return opt.step(grads)


def left_out(opt: Optimizer) -> object:
    grads = arrays(7, np.float32)
    grads["b"][...] = 1e21
    return opt.step(grads)


def step_with_some(opt: Optimizer) -> object:
    return opt.step({**arrays(7, np.float32), "b": None})


def flush(opt: Optimizer) -> object:
    return opt.flush()


def load(opt: Optimizer) -> object:
    state: dict[str, Any] = SAVED[opt.backend]
    return opt.load_state_dict(state)


def add(opt: Optimizer) -> object:
    opt.add_params({"d": guarded(np.ones(SHAPE, np.float32))}, weight_decay=0.5)
    return None


SCHEDULED: dict[str, Any] = {
    "lr": lambda step: 0.1 / (step + 1),
    "groups": {"a": {"lr": lambda step: 0.2 / (step + 1), "multiply": {"lr": 0.5}}},
}
GUARDED: dict[str, Any] = {"global_clipnorm": 1.0, "nonfinite": "skip", "loss_scale": "dynamic"}
FOLLOWED: dict[str, Any] = {
    "ema": lambda step: 1 - 1 / (step + 2),
    "lookahead_steps": 2,
    "zero_grads": True,
    "stats": True,
    "cast_to": None,
}
STEPS = [
    Act("plain", {}, step),
    Act("schedules in groups", SCHEDULED, step),
    Act("clip, skip, scale", GUARDED, step),
    Act("everything that follows", FOLLOWED, step),
    Act("a step that is tried", {"nonfinite": "skip", "weight_decay": 0.1, "ema": 0.5}, tried),
    Act("a step left out", {"nonfinite": "skip", "max_consecutive_skips": 1}, left_out),
    Act("some gradients", SCHEDULED, step_with_some),
    Act(
        "accumulation",
        {"gradient_accumulation_steps": 2},
        lambda opt: opt.accumulate(arrays(7, np.float32)),
    ),
    Act("a flush", {"gradient_accumulation_steps": 4}, flush),
    Act("cast", {"cast_grads": True}, lambda opt: opt.step(arrays(7, np.float64))),
]
CHANGES = [  # which are the same on every backend
    Act("a state", SCHEDULED, load),
    Act("parameters added", {"ema": 0.5}, add),
    Act("parameters removed", {"ema": 0.5}, lambda opt: opt.remove_params("a")),
    Act("freeze", {}, lambda opt: opt.freeze("a")),
    Act("hyperparameters", SCHEDULED, lambda opt: setattr(opt, "weight_decay", 0.1)),
    Act("a group", SCHEDULED, lambda opt: opt.groups[0].update(lr=0.5, weight_decay=0.5)),
]


def make(options: dict[str, Any], backend: str) -> Optimizer:
    given = dict(options)
    if "cast_to" in given:
        given["cast_to"] = {name: empty(SHAPE, np.float16) for name in NAMES}
    opt = fastopt.AdamW(arrays(0, np.float32), backend=backend, **given)
    opt.step(arrays(3, np.float32))
    if given.get("gradient_accumulation_steps", 1) > 2:
        opt.accumulate(arrays(5, np.float32), weight=2.0)
    return opt


def fingerprint(opt: Optimizer) -> str:
    """Hash all that a step changes; RuntimeError for an optimizer that thinks it is inside of one."""
    state = opt.state_dict()
    for each in state["parameters"].values():
        each["arrays"] = {name: a.tobytes() for name, a in each["arrays"].items()}
    copies = opt._core.bound.settings["cast_to"] or {}
    values = [a.tobytes() for a in (*opt.params.values(), *copies.values())]
    return digest(repr(state), repr(values), repr([opt.grad_norm, opt.skipped, opt.step_count]))


@pytest.mark.parametrize("act", STEPS, ids=lambda act: act.name)
def test_a_step(act: Act, backend: str, thorough: bool) -> None:
    check(act, backend, thorough)


@pytest.mark.parametrize("act", CHANGES, ids=lambda act: act.name)
def test_a_change(act: Act, thorough: bool) -> None:
    check(act, fastopt.build_info()["backend"], thorough)


def check(act: Act, backend: str, thorough: bool) -> None:
    """Let every call fail in turn: nothing has changed, and the same once more gets through."""
    twin = make(act.options, backend)
    twin.flush()
    twin.step(arrays(13, np.float32))
    SAVED[backend] = twin.state_dict()
    twin = make(act.options, backend)
    act.do(twin)
    wanted = fingerprint(twin)
    opt = make(act.options, backend)
    with Injection(0) as through:
        act.do(opt)
    assert len(through.seen) > 2
    for k in range(1, len(through.seen) + 1) if thorough else chosen(through.seen):
        opt = make(act.options, backend)
        before = fingerprint(opt)
        injection = Injection(k)
        with suppress(InjectedError), injection:
            act.do(opt)
        assert injection.site is not None, f"there is no call {k}"
        assert fingerprint(opt) == before, injection.site
        act.do(opt)
        assert fingerprint(opt) == wanted, injection.site
        SITES.add(injection.site)


def chosen(seen: list[Site]) -> list[int]:
    """Choose the first call of each site and the last; give their numbers, from 1."""
    at: dict[Site, list[int]] = {}
    for k, site in enumerate(seen, 1):
        at.setdefault(site, []).append(k)
    return sorted({k for numbers in at.values() for k in (numbers[0], numbers[-1])})


def test_how_many_there_were() -> None:
    """Run after the others of this file."""
    if not SITES:
        pytest.skip("the tests before it have not run")
    print(f"{len(SITES)} sites at which a call has failed, and no byte changed")
    assert len(SITES) >= 50
