"""The line search for the strong Wolfe conditions, with the trials of torch.optim.LBFGS.

It first looks for two points with an acceptable one between them, then narrows what is between
(Nocedal and Wright, *Numerical optimization*, algorithms 3.5 and 3.6).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DECREASE = 1e-4  # of the loss: what is asked of the slope at the beginning
CURVATURE = 0.9  # how much of that slope may be left


class Point(NamedTuple):
    """A point along the direction: where, the loss, the gradient, and the slope of the loss."""

    t: float
    loss: float
    g: NDArray[Any]
    slope: float


Look = Callable[[float], Point]


def strong_wolfe(
    look: Look, start: Point, t: float, most: int, longest: float, narrowest: float
) -> tuple[Point, int]:
    """Find a point that meets the conditions, or the lowest that was found; count the evaluations.

    `t` is tried first, and at most so many other points. `longest` is the largest entry of the
    direction: what is between two points is narrow where none moves by `narrowest` there.
    """
    ends, found, tried = bracket(look, start, t, most)
    if found or tried == most:
        return ends[_lower(ends)], tried + 1
    return narrowed(look, start, ends, tried, most, longest, narrowest)


def bracket(look: Look, start: Point, t: float, most: int) -> tuple[list[Point], bool, int]:
    """Find two points with an acceptable one between, or twice that; count all trials but one."""
    before, now = start, look(t)
    for tried in range(most):
        if now.loss > _allowed(start, now.t) or (tried > 1 and now.loss >= before.loss):
            return [before, now], False, tried
        if abs(now.slope) <= -CURVATURE * start.slope:
            return [now, now], True, tried
        if now.slope >= 0.0:
            return [before, now], False, tried
        bounds = now.t + 0.01 * (now.t - before.t), 10.0 * now.t
        before, now = now, look(cubic(before, now, bounds))
    return [start, now], False, most


def narrowed(
    look: Look,
    start: Point,
    ends: list[Point],
    tried: int,
    most: int,
    longest: float,
    narrowest: float,
) -> tuple[Point, int]:
    """Narrow what is between two points until one is acceptable; count the evaluations."""
    low, stalled = _lower(ends), False
    while tried < most and abs(ends[1].t - ends[0].t) * longest >= narrowest:
        t, stalled = inside(cubic(ends[0], ends[1]), ends[0].t, ends[1].t, stalled)
        now, tried = look(t), tried + 1
        high = 1 - low
        if now.loss > _allowed(start, t) or now.loss >= ends[low].loss:
            ends[high] = now
            low = _lower(ends)
            continue
        if abs(now.slope) <= -CURVATURE * start.slope:
            return now, tried + 1
        if now.slope * (ends[high].t - ends[low].t) >= 0.0:
            ends[high] = ends[low]
        ends[low] = now
    return ends[low], tried + 1


def inside(t: float, a: float, b: float, stalled: bool) -> tuple[float, bool]:
    """Move a point away from a near end, the second time; say whether this was the first."""
    least, largest = min(a, b), max(a, b)
    margin = 0.1 * (largest - least)
    if min(largest - t, t - least) >= margin:
        return t, False
    if not (stalled or t >= largest or t <= least):
        return t, True
    return (largest - margin if abs(t - largest) < abs(t - least) else least + margin), False


def cubic(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Return the minimum of the cubic through two points and their slopes, within bounds.

    The middle of the bounds where there is no minimum; they are the two points if none are given.
    """
    a, b = (a, b) if a.t <= b.t else (b, a)
    least, largest = bounds or (a.t, b.t)
    with np.errstate(all="ignore"):  # dividing by 0 gives what is not finite, and then the middle
        width = np.float64(a.t - b.t)
        q = a.slope + b.slope - 3.0 * (a.loss - b.loss) / width
        root = np.sqrt(q * q - a.slope * b.slope)
        t = b.t - (b.t - a.t) * ((b.slope + root - q) / (b.slope - a.slope + 2.0 * root))
    return min(max(float(t), least), largest) if math.isfinite(t) else (least + largest) / 2.0


def _allowed(start: Point, t: float) -> float:
    """Return the largest loss that counts as a decrease."""
    return start.loss + DECREASE * t * start.slope


def _lower(ends: list[Point]) -> int:
    return 0 if ends[0].loss <= ends[1].loss else 1
