"""Arrays of the caller with one entry for each element, row or column of another."""

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays.memory import flat


class Entries(NamedTuple):
    """An array whose entry ``e // run % period`` is that of element e, both in the order of memory."""

    array: NDArray[Any]
    run: int
    period: int

    @classmethod
    def of(cls, array: NDArray[Any], p: NDArray[Any]) -> "Entries | None":
        """Find how the entries lie beside the elements of p, in whose memory order the array is.

        It has the shape of p, but that axes at either end may have length 1. None for another shape.
        """
        if array.ndim != p.ndim:
            return None
        pairs = list(zip(p.shape, array.shape, strict=True))
        if p.flags.c_contiguous:
            pairs.reverse()  # from the innermost axis outwards
        run = 1
        while pairs and pairs[0][1] == 1:
            run *= pairs.pop(0)[0]
        while pairs and pairs[-1][1] == 1:
            pairs.pop()
        if any([length != entries for length, entries in pairs]):
            return None
        return cls(array, run, prod([length for length, _ in pairs]))

    def read(self, a: int, b: int) -> NDArray[Any]:
        """Return the entries of the elements from a to b."""
        entries = flat(self.array)
        if self.run == 1 and b <= self.period:
            return entries[a:b]
        return entries[np.arange(a, b) // self.run % self.period]

    def piece(self, index: Any, p: NDArray[Any]) -> "Entries | None":
        """Find those of p, a piece along the outermost axis of the array that these belong to."""
        axis = -1 if isinstance(index, tuple) else 0
        along = index is not ... and self.array.shape[axis] > 1
        return Entries.of(self.array[index] if along else self.array, p)
