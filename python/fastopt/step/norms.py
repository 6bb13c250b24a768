"""Norms of the gradients of a step, and what in them is not finite."""

import math
from collections.abc import Sequence
from operator import mul
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.numerics import block_sums, computed, taken, total
from fastopt.rows import dense_of


class Norms(NamedTuple):
    """The L2 norm of each gradient, and how many of its entries are infinite or NaN."""

    each: list[float]
    nonfinite: list[int]

    def of(self, chosen: Sequence[int]) -> float:
        """Compute the norm of some of them together."""
        norms = [self.each[i] for i in chosen]
        largest = max(norms, default=0.0)
        if 0.0 < largest < 1e150:  # the squares are in range
            return math.sqrt(total(map(mul, norms, norms)))
        if not 0.0 < largest < math.inf:
            return total(norms)  # 0, infinite, or NaN
        scaled = [norm / largest for norm in norms]
        return largest * math.sqrt(total(map(mul, scaled, scaled)))


def clip_factor(norm: float, limit: float | None) -> float:
    """Compute by what a gradient is scaled, by its own norm; one that is NaN scales nothing."""
    return limit / norm if limit is not None and norm > limit else 1.0


def common_clip_factor(norm: float, limit: float | None) -> float:
    """Compute by what all gradients are scaled, by the norm of all together.

    It is 0 where that norm is infinite or NaN: the finite gradients beside the bad one become 0, and no
    step is larger than the limit allows. 0 times infinity or NaN is NaN, which stays visible.
    """
    return 0.0 if limit is not None and norm != norm else clip_factor(norm, limit)


def norms_of(
    sums: Sequence[float], gradients: Sequence[Any], parameters: Sequence[NDArray[Any]]
) -> Norms:
    """Make them of the sums of squares; look again where a sum is not finite."""
    each = list(map(math.sqrt, sums))
    nonfinite = [0] * len(each)
    if all(map(math.isfinite, each)):
        return Norms(each, nonfinite)
    for i, norm in enumerate(each):
        if not math.isfinite(norm):
            p = parameters[i]
            values = taken(dense_of(gradients[i], p), computed(p.dtype))
            nonfinite[i] = int(np.count_nonzero(~np.isfinite(values)))
            if nonfinite[i] == 0:  # only its square is out of range
                largest = float(np.max(np.abs(values)))
                scaled = np.asarray(values, np.float64) / largest
                order: Any = "C" if parameters[i].flags.c_contiguous else "F"
                squares = block_sums(scaled.reshape(-1, order=order))
                each[i] = largest * math.sqrt(total(squares.tolist()))
    return Norms(each, nonfinite)
