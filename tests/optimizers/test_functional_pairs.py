"""Options in pairs, in the functional form and in the class: the same bits.

What one of them does alone must still be done where another changes the same scalar.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from support.variants import has_own_decay

import fastopt
from fastopt import functional
from fastopt.registry import optimizer_class
from optimizers.test_functional import bits, values

ALGORITHMS = ("sgd", "momentum", "adamw", "adagrad", "sgdschedulefree")

DECAY = {"weight_decay": 0.3}
# One for each thing that an option can do around the rule.
SHARED: dict[str, dict[str, Any]] = {
    "maximize": {"maximize": True},
    "clipnorm": {"clipnorm": 1.0},  # less than any norm here
    "high clipnorm": {"clipnorm": 1e6},
    "clipvalue": {"clipvalue": 0.25},
    "decay": {**DECAY, "decoupled_weight_decay": False},
    "decoupled": {**DECAY, "decoupled_weight_decay": True},
    "after": {**DECAY, "decoupled_weight_decay": "after"},
    "fixed": {**DECAY, "decoupled_weight_decay": "fixed"},
    "corrected": {**DECAY, "decoupled_weight_decay": "corrected", "max_lr": 0.3},
    "proximal": {**DECAY, "decoupled_weight_decay": "proximal"},
    "cautious": {**DECAY, "decoupled_weight_decay": True, "cautious_weight_decay": True},
    "l1": {"l1": 0.125},
    "soft": {**DECAY, "decoupled_weight_decay": "proximal", "l1": 0.125, "soft_threshold": True},
    "lr": {"lr": 0.5},
}


def fit(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both can be asked for at once."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


PAIRS = {
    f"{one}, {other}": {**SHARED[one], **SHARED[other]}
    for one, other in combinations(SHARED, 2)
    if fit(SHARED[one], SHARED[other])
}


def both(algorithm: str, options: dict[str, Any], backend: str) -> list[bytes]:
    """Take steps with both; the bits of the class, when they are those of the function."""
    p, q = values(0), values(0)
    opt = fastopt.get(algorithm, p, backend=backend, **options)
    states = [np.copy(a) for a in opt.state["params"].values()]
    carried: dict[str, float] = {}
    call = getattr(functional, algorithm)
    for t in range(1, 4):
        g = values(t)
        opt.step(g)
        carried = call(q, g, *states, t=t, backend=backend, **options, **carried)
    found = bits(p, *opt.state["params"].values())
    assert found == bits(q, *states)
    return found


OF_KINDS = {"decoupled_weight_decay", "cautious_weight_decay", "soft_threshold", "max_lr"}
CASES = [
    (algorithm, pair)
    for algorithm in ALGORITHMS
    for pair, options in PAIRS.items()
    # A rule that decays by itself has no kinds of decay.
    if not (OF_KINDS & options.keys() and has_own_decay(optimizer_class(algorithm)))
]


@pytest.mark.parametrize(("algorithm", "pair"), CASES)
def test_the_bits_of_the_class(algorithm: str, pair: str) -> None:
    assert both(algorithm, PAIRS[pair], "native") == both(algorithm, PAIRS[pair], "numpy")


# What must not be equal: an option that does nothing beside another is not there.


@pytest.mark.parametrize("other", ["clipnorm", "clipvalue", "decay", "decoupled", "l1", "lr"])
def test_maximize_turns_the_step_round_whatever_else_is_asked_for(other: str, backend: str) -> None:
    p, q = (np.zeros(6, np.float32) for _ in range(2))
    g = np.array([3.0, -1.0, 0.5, -0.25, 2.0, 8.0], np.float32)
    functional.sgd(p, g, t=1, backend=backend, **SHARED[other])
    functional.sgd(q, g, t=1, backend=backend, maximize=True, **SHARED[other])
    np.testing.assert_array_equal(p, -q)
    assert p.any()


@pytest.mark.parametrize("maximize", [False, True])
def test_the_norm_is_cut_whatever_the_sign(maximize: bool, backend: str) -> None:
    p = np.zeros(4, np.float32)
    options: dict[str, Any] = {"clipnorm": 1.0, "maximize": maximize, "lr": 1.0}
    functional.sgd(p, np.full(4, 8.0, np.float32), t=1, backend=backend, **options)
    np.testing.assert_array_equal(p, np.full(4, 0.5 if maximize else -0.5, np.float32))
