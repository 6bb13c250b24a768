"""Schedules against those of optax, in float64, over their whole length and beyond it."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fastopt import schedules as s

if TYPE_CHECKING:
    from oracles.conftest import Difference

optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

# XLA has its own cosine and power, and optax multiplies factors where we are given levels. The largest
# measured is 4.2e-16.
TOLERANCE = 1e-12
STEPS = 150


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


def sgdr() -> Any:
    periods = [
        {"init_value": 0.1, "peak_value": 0.1, "warmup_steps": 0, "decay_steps": n, "end_value": 0.003}
        for n in (10, 20, 40, 80)
    ]
    return optax.sgdr_schedule(periods)


def join() -> Any:
    return optax.join_schedules(
        [
            optax.polynomial_schedule(0.0, 0.1, 2.0, 20),
            optax.cosine_decay_schedule(0.1, 50, 0.03),
            optax.exponential_decay(0.02, 9, 0.7),
        ],
        [20, 80],
    )


CASES: dict[s.Schedule, Callable[[], Any]] = {
    s.constant(0.1): lambda: optax.constant_schedule(0.1),
    s.linear(0.1, 90, 0.3): lambda: optax.linear_schedule(0.1, 0.3, 90),
    s.polynomial(0.1, 90, 0.003, 2.5): lambda: optax.polynomial_schedule(0.1, 0.003, 2.5, 90),
    s.polynomial(0.1, 90, 0.003, 0.5): lambda: optax.polynomial_schedule(0.1, 0.003, 0.5, 90),
    s.exponential(0.1, 0.7, 9): lambda: optax.exponential_decay(0.1, 9, 0.7),
    s.exponential(0.1, 0.7, 9, staircase=True, end=0.01): lambda: optax.exponential_decay(
        0.1, 9, 0.7, staircase=True, end_value=0.01
    ),
    s.exponential(0.1, 1.2, 9, end=0.3): lambda: optax.exponential_decay(0.1, 9, 1.2, end_value=0.3),
    s.cosine(0.1, 90): lambda: optax.cosine_decay_schedule(0.1, 90),
    s.cosine(0.1, 90, 0.1 * 0.03, 1.7): lambda: optax.cosine_decay_schedule(0.1, 90, 0.03, 1.7),
    s.cosine_restarts(0.1, 10, 2, 0.003): sgdr,
    s.piecewise([10, 70], [0.1, 0.1 * 0.3, 0.1 * 0.3 * 2.0]): lambda: optax.piecewise_constant_schedule(
        0.1, {10: 0.3, 70: 2.0}
    ),
    s.piecewise([10, 70], [0.1, 0.1 * 0.3, 0.1 * 0.3 * 2.0], "linear"): lambda: (
        optax.piecewise_interpolate_schedule("linear", 0.1, {10: 0.3, 70: 2.0})
    ),
    s.piecewise([10, 70], [0.1, 0.1 * 0.3, 0.1 * 0.3 * 2.0], "cosine"): lambda: (
        optax.piecewise_interpolate_schedule("cosine", 0.1, {10: 0.3, 70: 2.0})
    ),
    # What optax calls one cycle: the same levels as ours, reached at other steps.
    s.piecewise([40, 100], [0.1 / 20, 0.1, 0.1 / 20 / 500], "cosine"): lambda: (
        optax.cosine_onecycle_schedule(100, 0.1, 0.4, 20.0, 500.0)
    ),
    s.piecewise([40, 80, 100], [0.1 / 20, 0.1, 0.1 / 20, 0.1 / 20 / 500], "linear"): lambda: (
        optax.linear_onecycle_schedule(100, 0.1, 0.4, 0.8, 20.0, 500.0)
    ),
    s.warmup(s.constant(0.1), 30, 0.02): lambda: optax.warmup_constant_schedule(0.02, 0.1, 30),
    s.warmup_cosine(0.1, 110, 30, 0.003, 0.02, 1.7): lambda: optax.warmup_cosine_decay_schedule(
        0.02, 0.1, 30, 110, 0.003, 1.7
    ),
    s.warmup_cosine(0.1, 110, 30): lambda: optax.warmup_cosine_decay_schedule(0.0, 0.1, 30, 110),
    s.warmup(s.exponential(0.1, 0.7, 9, end=0.01), 30, 0.02): lambda: (
        optax.warmup_exponential_decay_schedule(0.02, 0.1, 30, 9, 0.7, end_value=0.01)
    ),
    s.warmup_linear(0.1, 110, 30, 0.003, 0.02): lambda: optax.join_schedules(
        [optax.linear_schedule(0.02, 0.1, 30), optax.linear_schedule(0.1, 0.003, 80)], [30]
    ),
    s.join(
        [s.polynomial(0.0, 20, 0.1, 2.0), s.cosine(0.1, 50, 0.003), s.exponential(0.02, 0.7, 9)],
        [20, 80],
    ): join,
}


@pytest.mark.parametrize("schedule", CASES, ids=repr)
def test_same_values(schedule: s.Schedule, difference: "Difference") -> None:
    theirs = CASES[schedule]()
    expected = np.array([float(theirs(np.float64(step))) for step in range(STEPS)])
    assert difference(schedule.values(STEPS), expected) <= TOLERANCE
