"""Elementwise algorithms that optax has too, with options off their defaults, in float64."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

STEPS = 40
ARRAYS = ("matrix", "scalar")  # XLA compiles for each

# XLA orders and contracts the operations in its own way, and subtracts what we multiply by 1 - lr *
# weight_decay; a few units of 1e-16 each. The largest measured is 3.8e-15.
TOLERANCE = 1e-12


class Case(NamedTuple):
    """An algorithm, its options, and the same in optax."""

    name: str
    given: dict[str, Any]
    transform: Callable[[], Any]


LR = 0.01
DECAYED = {"lr": LR, "weight_decay": 0.1, "decoupled_weight_decay": True}
BETAS = {"b1": 0.8, "b2": 0.95}
MOMENTS = {"lr": LR, "betas": (0.8, 0.95), "eps": 1e-2}


def decayed(transform: Any) -> Any:
    """Decay by 0.1, decoupled, and scale by the learning rate."""
    decay = optax.add_decayed_weights(0.1)
    return optax.chain(transform, decay, optax.scale_by_learning_rate(LR))


CASES = {
    "lion": Case("lion", {"lr": LR, "weight_decay": 1e-3}, lambda: optax.lion(LR)),
    "lion, all": Case(
        "lion",
        {"betas": (0.8, 0.95), **DECAYED},
        lambda: optax.lion(LR, **BETAS, weight_decay=0.1),
    ),
    "signsgd": Case("signsgd", DECAYED, lambda: decayed(optax.scale_by_sign())),
    "signum": Case("signum", {"lr": LR}, lambda: optax.signum(LR)),
    "signum, beta": Case("signum", {"lr": LR, "beta": 0.7}, lambda: optax.signum(LR, beta=0.7)),
    "radam": Case("radam", {"lr": LR, "eps_placement": "outside"}, lambda: optax.radam(LR)),
    "radam, all": Case(
        "radam",
        {**MOMENTS, "eps_placement": "outside", "eps_root": 1e-3, "threshold": 8.0, "nesterov": True},
        lambda: optax.radam(LR, **BETAS, eps=1e-2, eps_root=1e-3, threshold=8.0, nesterov=True),
    ),
    "adabelief": Case("adabelief", {"lr": LR}, lambda: optax.adabelief(LR)),
    "adabelief, all": Case(
        "adabelief",
        {**MOMENTS, **DECAYED, "eps_root": 1e-3, "nesterov": True},
        lambda: decayed(optax.scale_by_belief(**BETAS, eps=1e-2, eps_root=1e-3, nesterov=True)),
    ),
    "yogi": Case("yogi", {}, lambda: optax.yogi(LR)),
    "yogi, all": Case(
        "yogi",
        {**MOMENTS, "initial_accumulator_value": 0.1},
        lambda: optax.chain(
            optax.scale_by_yogi(**BETAS, eps=1e-2, initial_accumulator_value=0.1),
            optax.scale_by_learning_rate(LR),
        ),
    ),
    "adopt": Case("adopt", {"lr": LR}, lambda: optax.contrib.adopt(LR)),
    "adopt, all": Case(
        "adopt",
        {**MOMENTS, **DECAYED, "clip_exp": 0.5, "nesterov": True},
        lambda: decayed(
            optax.contrib.scale_by_adopt(
                **BETAS, eps=1e-2, nesterov=True, clip_value_fn=lambda x: x**0.5
            )
        ),
    ),
    "nadamw": Case(
        "nadamw",
        {**MOMENTS, **DECAYED, "correct_ahead": True},
        lambda: optax.nadamw(LR, **BETAS, eps=1e-2, weight_decay=0.1),
    ),
    "adamaxw": Case("adamaxw", {"lr": LR}, lambda: optax.adamaxw(LR)),
    "adamaxw, all": Case(
        "adamaxw",
        {**MOMENTS, **DECAYED},
        lambda: optax.adamaxw(LR, **BETAS, eps=1e-2, weight_decay=0.1),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def forks_stay_quiet() -> None:
    """Start JAX without the handler that warns at every later fork of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "register_at_fork", lambda **_: None)
        jax.devices("cpu")


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """Let JAX compute in float64, which it does only where that is switched on."""
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_same_rule(case: Case, problem: "ProblemMaker", difference: "Difference") -> None:
    some = problem(STEPS, absent=False)
    ours, theirs = ({key: some.parameters()[key] for key in ARRAYS} for _ in range(2))
    opt, transform = fastopt.get(case.name, ours, **case.given), case.transform()
    state, update = transform.init(theirs), jax.jit(transform.update)
    for k, given in enumerate(some.grads):
        grads = {key: given[key] for key in ARRAYS}
        opt.step(grads)
        updates, state = update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
        for key, p in ours.items():
            assert difference(p, theirs[key]) <= TOLERANCE, (key, k + 1)
