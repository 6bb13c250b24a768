"""Where arrays lie in memory, to find those that two optimizers share."""

from collections.abc import Iterable

import numpy as np

from fastopt.arrays.checks import Named


class Extents:
    """The ranges of bytes of arrays that share no memory with each other, in order."""

    def __init__(self, named: Iterable[Named]) -> None:
        found = sorted(
            (a.__array_interface__["data"][0], a.nbytes, name) for name, a in named if a.nbytes
        )
        self._names = [name for _, _, name in found]
        self._begins = np.array([begin for begin, _, _ in found], np.uint64)
        self._ends = self._begins + np.array([length for _, length, _ in found], np.uint64)
        self.begin = int(self._begins[0]) if found else 0
        self.end = int(self._ends[-1]) if found else 0

    def shared(self, other: "Extents") -> str:
        """Name the first of these arrays that overlaps one of the others; nothing where none does."""
        if self.begin >= other.end or other.begin >= self.end:  # which is all that unrelated ones cost
            return ""
        behind = np.searchsorted(other._ends, self._begins, side="right")  # the first that ends later
        within = np.flatnonzero(behind < len(other._ends))
        overlapping = within[other._begins[behind[within]] < self._ends[within]]
        return self._names[int(overlapping[0])] if len(overlapping) else ""
