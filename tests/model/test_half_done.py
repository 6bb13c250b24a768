"""A change of several things that fails half-way leaves each of them as it was.

Each part of a change fails in turn, before it has done anything or after it has done all: a group that
is set, a schedule, an average that is put back, the plan that is made of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from typing import Any

import numpy as np
import pytest
from support.everywhere_runs import hashed

import fastopt
from fastopt import schedules
from fastopt.followers.averages import MovingAverage
from fastopt.followers.followers import Followers
from fastopt.model.groups import Group
from fastopt.step import binding

restore = import_module("fastopt.state.restore")


class HalfWayError(Exception):
    """Stands for whatever can be raised."""


@contextmanager
def failing(owner: Any, name: str, k: int, late: bool) -> Iterator[list[int]]:
    """Let the k-th call of a method fail, before or after it has done its part; yield the calls."""
    method = getattr(owner, name)
    calls: list[int] = []

    def instead(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        fails = len(calls) == k
        if fails and not late:
            raise HalfWayError
        found = method(*arguments, **options)
        if fails:
            raise HalfWayError
        return found

    setattr(owner, name, instead)
    try:
        yield calls
    finally:
        setattr(owner, name, method)


def model(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(4) for name in "abcd"}


def make(seed: int, backend: str = "numpy") -> Any:
    """An optimizer of four groups that are unlike, with all that is put back with a state."""
    plateau = schedules.reduce_on_plateau(0.1, patience=0)  # the same, and not in the same state
    groups = {
        "a": {"lr": plateau, "weight_decay": 0.1},
        "b": {"lr": 0.2 + seed, "betas": (0.5, 0.75), "frozen": seed == 1},
        "c": {"lr": schedules.linear(0.3, 10 + seed, 0.0), "amsgrad": seed == 0},
    }
    opt: Any = fastopt.AdamW(
        model(seed),
        groups=groups,
        ema=0.9,
        ema_bias_correction=True,
        lookahead_steps=2,
        loss_scale="dynamic",
        stats=True,
        cast_to={name: np.zeros(4, np.float16) for name in "abcd"},
        gradient_accumulation_steps=2,
        global_clipnorm=2.0 + seed,
        backend=backend,
    )
    for k in range(3 + 2 * seed):
        opt.step({**model(5 + k), "d": None} if k == 1 else model(5 + k))
        plateau.observe(1.0)
    opt.step({**model(9), "c": np.full(4, np.nan)})
    opt.step(model(4))
    opt.accumulate(model(8))
    return opt


def everything(opt: Any) -> list[Any]:
    """All that a change can change, as it is seen from outside."""
    return [
        hashed(opt.params),
        hashed(opt._core.bound.settings["cast_to"]),
        hashed(opt.state),
        hashed(opt.ema_state),
        hashed(opt.slow_state),
        repr(opt.state_dict()),
        repr([(g.given, g.multiply, vars(g.h), g.scheduled, g.stage_scalars) for g in opt.groups]),
        opt.frozen,
        opt.grad_norm,
        repr(opt.report()),
        (opt.step_count, opt.skipped, float(opt.loss_scale)),
        {
            name: opt._core.bound.settings[name]
            for name in opt._core.bound.settings
            if name != "cast_to"
        },
    ]


Change = Callable[[Any], object]
OTHER = make(1)
STATE = OTHER.state_dict()
CHANGES: dict[str, Change] = {
    "lr of all groups": lambda opt: setattr(opt, "lr", 0.7),
    "betas of all groups": lambda opt: setattr(opt, "betas", (0.25, 0.5)),
    "a rule for all groups": lambda opt: setattr(opt, "amsgrad", True),
    "several of a group": lambda opt: opt.groups[2].update(lr=0.5, amsgrad=False, eps=1e-3),
    "a setting": lambda opt: setattr(opt, "global_clipnorm", 0.5),
    "a state": lambda opt: opt.load_state_dict(STATE),
    "some of a state": lambda opt: opt.load_state_dict(STATE, strict=False, hyperparameters=False),
}
PARTS: list[tuple[Any, str]] = [
    (Group, "changes"),
    (MovingAverage, "restored"),
    (Followers, "attach"),
    (Followers, "write_copies"),
    (restore, "planned"),
    (restore, "_sums"),
    (binding, "held"),
    (binding, "followed"),
    (binding, "changed"),
    (schedules.reduce_on_plateau, "load_state_dict"),
]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part[0].__name__}.{part[1]}")
@pytest.mark.parametrize("name", CHANGES)
def test_nothing_has_changed(name: str, part: tuple[type, str], late: bool) -> None:
    for k in count(1):
        opt = make(0)
        before = everything(opt)
        with failing(*part, k, late) as calls:
            try:
                CHANGES[name](opt)
            except HalfWayError:
                pass
            else:
                assert len(calls) < k
                break
        assert everything(opt) == before, k
        twin = make(0)
        for each in (opt, twin):
            each.accumulate(model(3))
            each.accumulate(model(2))
            each.accumulate(model(1))
        assert everything(opt) == everything(twin)
    CHANGES[name](opt)


def test_the_parts_are_parts() -> None:
    """Each is called by some change, and each change but that of a setting sets several groups."""
    called: dict[str, int] = {}
    for change in CHANGES.values():
        for owner, name in PARTS:
            opt = make(0)
            with failing(owner, name, 0, False) as calls:
                change(opt)
            called[name] = called.get(name, 0) + len(calls)
    assert all(called.values()), called
    assert called["changes"] >= 4 * 4
