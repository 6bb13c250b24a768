"""Schedules against their formulas, transcribed from the papers and documentations in other words.

The transcriptions are in longdouble, over whole arrays of steps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastopt import schedules as s

Steps = NDArray[Any]
Long = np.longdouble
PI = Long("3.14159265358979323846264338327950288")
N = np.arange(200, dtype=Long)


def way(first: Any, last: Any, x: Steps, curve: Callable[[Steps], Steps]) -> Steps:
    found: Steps = first + (last - first) * curve(np.clip(x, 0, 1))
    return found


def sinusoid(x: Steps) -> Steps:
    result: Steps = np.sin(x * PI / 2) ** 2
    return result


def straight(x: Steps) -> Steps:
    return x


# Rounding: of a value, of the part of the way, and in powers by repeated squaring, where each squaring
# doubles what the factors were off by.
TOLERANCE = 1e-14

V, E = Long(0.1), Long(0.003)


def reflected(x: Steps) -> Steps:
    return 1 - (1 - x) / (1 - x / 2)


def triangle(n: Steps, up: int, down: int) -> Steps:
    """Smith's formula, with its cycle and its x, for legs of unlike length."""
    there = n % (up + down)
    return np.where(there <= up, there / up, 1 - (there - up) / down)


FORMULAS: dict[s.Schedule, Steps] = {
    s.step(0.1, 7, 0.3): V * Long(0.3) ** (N // 7),
    s.multi_step(0.1, [3, 9, 100], 0.7): V * Long(0.7) ** np.searchsorted([3, 9, 100], N, "right"),
    s.linear(0.1, 150, 0.003): way(V, E, N / 150, straight),
    s.polynomial(0.1, 150, 0.003, 2.5): E + (V - E) * (1 - np.minimum(N / 150, 1)) ** 2.5,
    s.polynomial(0.1, 30, 0.003, 0.5, cycle=True): (
        E + (V - E) * np.sqrt(1 - N / (30 * np.maximum(np.ceil(N / 30), 1)))
    ),
    s.rex(0.1, 150, 0.003): way(V, E, N / 150, reflected),
    s.exponential(0.1, 0.9, 7): V * Long(0.9) ** (N / 7),
    s.exponential(0.1, 0.9, 7, staircase=True, end=0.03): np.maximum(
        V * Long(0.9) ** (N // 7), Long(0.03)
    ),
    s.exponential(0.1, 1.5, 7, end=0.3): np.minimum(V * Long(1.5) ** (N / 7), Long(0.3)),
    s.inverse_time(0.1, 0.7, 3): V / (1 + Long(0.7) * N / 3),
    s.inverse_time(0.1, 0.7, 3, staircase=True): V / (1 + Long(0.7) * (N // 3)),
    # With d_model = 1, the paper's lr is value * sqrt(warmup_steps) / value.
    s.inverse_sqrt(0.1, 40): (
        V * np.sqrt(Long(40)) * np.minimum((N + 1) ** -0.5, (N + 1) * Long(40) ** -1.5)
    ),
    s.cosine(0.1, 150, 0.003): way(V, E, N / 150, sinusoid),
    s.cosine(0.1, 150, 0.003, 1.5): E + (V - E) * (1 - sinusoid(np.minimum(N / 150, 1))) ** 1.5,
    s.cosine(0.1, 30, 0.003, periodic=True): E + (V - E) * (1 + np.cos(PI * N / 30)) / 2,
    s.cosine_restarts(0.1, 9, 1, 0.003): way(V, E, N % 9 / 9, sinusoid),
    s.cyclic(0.01, 0.1, 20, 35): Long(0.01) + (V - Long(0.01)) * triangle(N, 20, 35),
    s.cyclic(0.01, 0.1, 20, 35, "triangular2"): (
        Long(0.01) + (V - Long(0.01)) * triangle(N, 20, 35) / 2 ** (N // 55)
    ),
    s.cyclic(0.9, 0.8, 20, 35, "exp_range", 0.97): (
        Long(0.9) + (Long(0.8) - Long(0.9)) * triangle(N, 20, 35) * Long(0.97) ** N
    ),
    s.one_cycle(0.1, 181, 0.25, 10, 50): np.where(
        N <= 44.25,
        way(V / 10, V, N / 44.25, sinusoid),
        way(V, V / 10 / 50, (N - 44.25) / (180 - 44.25), sinusoid),
    ),
    s.one_cycle(0.1, 181, 0.25, 10, 50, three_phase=True, anneal="linear"): np.select(
        [N <= 44.25, N <= 88.5],
        [way(V / 10, V, N / 44.25, straight), way(V, V / 10, (N - 44.25) / 44.25, straight)],
        way(V / 10, V / 500, (N - 88.5) / 91.5, straight),
    ),
    s.one_cycle_momentum(181, 0.003, 0.1, 0.25, anneal="linear"): np.where(
        N <= 44.25, way(V, E, N / 44.25, straight), way(E, V, (N - 44.25) / (180 - 44.25), straight)
    ),
    s.one_cycle_momentum(181, 0.003, 0.1, 0.25, three_phase=True): np.where(
        N <= 44.25, way(V, E, N / 44.25, sinusoid), way(E, V, (N - 44.25) / 44.25, sinusoid)
    ),
    s.piecewise([50, 120], [0.1, 0.003, 0.1], "cosine"): np.where(
        N < 50, way(V, E, N / 50, sinusoid), way(E, V, (N - 50) / 70, sinusoid)
    ),
    s.warmup(s.linear(0.1, 100, 0.003), 50, 0.003, "cosine"): np.where(
        N < 50, way(E, V, N / 50, sinusoid), way(V, E, (N - 50) / 100, straight)
    ),
}
DECAYS: dict[Any, Callable[[Steps], Steps]] = {
    "linear": straight,
    "cosine": sinusoid,
    "1-sqrt": lambda x: x**0.5,
}
for shape, curve in DECAYS.items():
    trapezoid = np.where(N < 20, way(E, V, N / 20, straight), way(V, E, (N - 100) / 60, curve))
    FORMULAS[s.warmup_stable_decay(0.1, 160, 20, 60, 0.003, 0.003, shape)] = trapezoid


@pytest.mark.parametrize("schedule", FORMULAS, ids=repr)
def test_formula(schedule: s.Schedule) -> None:
    np.testing.assert_allclose(schedule.values(N.size), FORMULAS[schedule], rtol=TOLERANCE, atol=0)


def test_sgdr_as_in_the_paper() -> None:
    """Period by period: lengths 5, 15, 45; peaks 1, 0.5, 0.25 above the least value."""
    expected = []
    for length, height in ((5, 1.0), (15, 0.5), (45, 0.25)):
        there = np.arange(length) / Long(length)
        expected += list(E + height * (V - E) * (1 - sinusoid(there)))
    found = s.cosine_restarts(0.1, 5, 3, 0.003, 0.5).values(65)
    np.testing.assert_allclose(found, np.array(expected), rtol=TOLERANCE)


def test_piecewise_levels() -> None:
    for boundaries in ([2, 5], np.array([2, 5]), (2, 5)):
        assert s.piecewise(boundaries, [3, 1, 2]).values(7).tolist() == [3, 3, 1, 1, 1, 2, 2]  # type: ignore[arg-type]
    assert s.piecewise([2, 6], [3, 1, 2], "linear").values(8).tolist() == [
        3, 2, 1, 1.25, 1.5, 1.75, 2, 2,
    ]  # fmt: skip


def test_the_shapes_begin_and_end_exactly() -> None:
    for first, last in ((0.1, 0.003), (1e-7, 0.3), (-0.7, 1e300)):
        for schedule in (
            s.linear(first, 3, last),
            s.polynomial(first, 3, last, 0.3),
            s.rex(first, 3, last),
            s.cosine(first, 3, last, 1.3),
            s.piecewise([3], [first, last], "cosine"),
            s.warmup(s.constant(last), 3, first),
        ):
            assert schedule(0) == first
            assert schedule(3) == last
