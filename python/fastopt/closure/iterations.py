"""The iterations of L-BFGS in one call, on one vector, with the decisions of torch."""

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Values
from fastopt.closure.line_search import Point, strong_wolfe
from fastopt.closure.two_loop import Pair, direction, pair_of
from fastopt.numerics import block_sums, dot, total

Array = NDArray[Any]


class Objective(Protocol):
    """Loss and gradient at a point."""

    def evaluate(self, x: Array) -> tuple[float, Array]:
        """Compute them at a point that is taken."""

    def attempt(self, x: Array) -> tuple[float, Array]:
        """Compute them at a point that may be given up; the loss is infinite if one is not finite."""

    def rounded(self, x: Array) -> Array:
        """Return the point as the parameters can hold it."""


class Memory:
    """All that goes from one iteration to the next.

    Attributes
    ----------
    pairs : deque of Pair, the oldest first
    stored : int
        How many pairs there have been.
    iterations : int
    step, g : arrays
        The last step, and the gradient that it began with.
    """

    def __init__(
        self, pairs: Sequence[Pair], size: int, stored: int, iterations: int, step: Array, g: Array
    ) -> None:
        self.pairs = deque(pairs, size)
        self.stored, self.iterations = stored, iterations
        self.step, self.g = step, g

    def direction(self, g: Array) -> Array:
        """Add the last step to the pairs, if there was one, and return the next direction."""
        if self.iterations:
            pair = pair_of(self.step, g - self.g)
            if pair is not None:
                self.pairs.append(pair)
                self.stored += 1
        return direction(g, list(self.pairs))


def iterate(objective: Objective, x: Array, memory: Memory, h: Values) -> tuple[Array, float, int]:
    """Iterate from a point until one of the limits of `h`.

    Returns where that ends, the loss at the beginning, and the number of evaluations.
    """
    loss, g = objective.evaluate(x)
    first, evaluations = loss, 1
    most = h.max_iter * 5 // 4 if h.max_eval is None else h.max_eval
    if largest(g) <= h.tolerance_grad:
        return x, first, evaluations
    for number in range(1, h.max_iter + 1):
        d = memory.direction(g)
        t = h.lr if memory.iterations else min(1.0, 1.0 / total(block_sums(np.abs(g), False))) * h.lr
        memory.iterations += 1
        memory.step, memory.g, before = t * d, g, loss
        slope = dot(g, d)
        if slope > -h.tolerance_change:
            break
        if h.line_search_fn is None:
            x = objective.rounded(x + memory.step)
            if number == h.max_iter:  # in a stochastic setting another evaluation is of no use
                break
            loss, g = objective.evaluate(x)
            evaluations += 1
        else:
            found, more = strong_wolfe(
                _along(objective, x, d),
                Point(0.0, loss, g, slope),
                t,
                most - evaluations,
                largest(d),
                h.tolerance_change,
            )
            loss, g, memory.step = found.loss, found.g, found.t * d
            x = objective.rounded(x + memory.step)
            evaluations += more
        if evaluations >= most or largest(g) <= h.tolerance_grad:
            break
        if largest(memory.step) <= h.tolerance_change or abs(loss - before) < h.tolerance_change:
            break
    return x, first, evaluations


def largest(x: Array) -> float:
    """Return the largest absolute value; 0 of no elements."""
    return float(np.max(np.abs(x), initial=0.0))


def _along(objective: Objective, x: Array, d: Array) -> Any:
    def look(t: float) -> Point:
        loss, g = objective.attempt(x + t * d)
        return Point(t, loss, g, dot(g, d))

    return look
