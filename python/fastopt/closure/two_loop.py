"""The two-loop recursion of L-BFGS (Nocedal, Mathematics of Computation 35, 1980)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastopt.numerics import dot

LEAST = 1e-10  # of y.s, as in torch: the curvature of a pair that is kept


class Pair(NamedTuple):
    """A step, and what it has changed of the gradient."""

    s: NDArray[Any]
    y: NDArray[Any]
    rho: float  # 1 / y.s
    scale: float  # y.s / y.y, of the inverse Hessian to begin with


def pair_of(s: NDArray[Any], y: NDArray[Any]) -> Pair | None:
    """Return the pair; None where the curvature along the step is too small, or no number."""
    ys = dot(y, s)
    return Pair(s, y, 1.0 / ys, ys / dot(y, y)) if LEAST < ys < math.inf else None


def direction(g: NDArray[Any], pairs: Sequence[Pair]) -> NDArray[Any]:
    """Multiply the negative gradient by the inverse Hessian that follows from pairs, oldest first."""
    q = -g
    shares = []
    for pair in reversed(pairs):
        shares.append(dot(pair.s, q) * pair.rho)
        q -= shares[-1] * pair.y
    if pairs:
        q *= pairs[-1].scale
    for pair, share in zip(pairs, reversed(shares), strict=True):
        q += (share - dot(pair.y, q) * pair.rho) * pair.s
    return q
