"""Sums over all elements of an array, with the same bits from every backend and number of threads.

The elements, in the order of the parameter's memory, are cut into blocks; in a block, element i belongs
to lane i % LANES; a lane adds from the left, in double; the lanes are added by halves, then the blocks
from the left. csrc/kernels/reduce.hpp does the same.
"""

from collections import deque
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096
LANES = 32


def total(values: Iterable[float]) -> float:
    """Add numbers from the left, each sum rounded; since Python 3.12, sum() does more."""
    return deque(accumulate(values, initial=0.0), maxlen=1).pop()  # quicker than a loop


def block_sums(x: NDArray[Any], squares: bool = True) -> NDArray[np.float64]:
    """Sum each block of a flat array, or the squares."""
    whole = x.size // BLOCK * BLOCK
    sums = [_lanes(x[:whole].reshape(-1, BLOCK // LANES, LANES), squares)] if whole else []
    rest = x[whole:]
    if rest.size:
        padded = np.zeros(-(-rest.size // LANES) * LANES, x.dtype)  # a zero adds nothing to its lane
        padded[: rest.size] = rest
        sums.append(_lanes(padded.reshape(1, -1, LANES), squares))
    return np.concatenate(sums) if sums else np.zeros(0)


def dot(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the inner product of two flat arrays."""
    return float(total(block_sums(x * y, squares=False)))


def _lanes(blocks: NDArray[Any], squares: bool) -> NDArray[np.float64]:
    lanes = np.zeros((len(blocks), LANES))
    for k in range(blocks.shape[1]):
        row = blocks[:, k].astype(np.float64)
        lanes += row * row if squares else row
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]
