"""Arrays that share memory, found among many: each question looks at few of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays.memory import Named, address, bounds


class Extents:
    """The ranges of bytes of contiguous arrays, by address; of an empty one there is none."""

    def __init__(self, named: Iterable[Named]) -> None:
        found = [(name, address(array), array.nbytes) for name, array in named if array.nbytes]
        self._order = sorted(range(len(found)), key=[begin for _, begin, _ in found].__getitem__)
        self._names = [found[k][0] for k in self._order]
        self._begins = [found[k][1] for k in self._order]
        self._ends = [found[k][1] + found[k][2] for k in self._order]

    def with_more(self, named: Iterable[Named]) -> "Extents":
        """Make the extents of these arrays and more."""
        found = Extents(())
        found._order, found._names = [*self._order], [*self._names]
        found._begins, found._ends = [*self._begins], [*self._ends]
        for name, array in named:
            if array.nbytes:
                place = bisect_right(found._begins, address(array))
                found._order.insert(place, len(found._order))
                found._names.insert(place, name)
                found._begins.insert(place, address(array))
                found._ends.insert(place, address(array) + array.nbytes)
        return found

    def ranges(self) -> tuple[list[int], list[int]]:
        """List where they begin, in that order, and where they end."""
        return self._begins, self._ends

    @property
    def begin(self) -> int:
        """The address at which the first one begins."""
        return self._begins[0] if self._begins else 0

    @property
    def end(self) -> int:
        """The address at which the last one ends."""
        return self._ends[-1] if self._ends else 0

    def check_disjoint(
        self,
        shown: Callable[[str], str] = str,
        remedy: Callable[[str, str], str] = lambda first, second: "give every array once",
    ) -> None:
        """Raise ValueError if two share memory: one step would update it twice.

        `shown` makes of a name what the message calls an array, and `remedy` of two what is to be done.
        """
        ranges = zip(self._names, self._begins, self._ends, strict=True)
        for (first, _, end), (second, begin, _) in pairwise(ranges):
            if begin < end:
                raise ValueError(
                    f"{shown(second)} shares memory with {shown(first)}; one step would update it "
                    f"twice: {remedy(first, second)}"
                )

    def within(self, begin: int, end: int) -> list[int]:
        """List the numbers of those that reach into a range of bytes, if they share no memory."""
        near = slice(bisect_right(self._ends, begin), bisect_left(self._begins, end))
        return sorted(self._order[near])

    def shared(self, other: "Extents") -> str:
        """Name the first of these arrays that overlaps one of the others; nothing where none does."""
        if self.begin >= other.end or other.begin >= self.end:  # which is all that unrelated ones cost
            return ""
        for name, begin, end in zip(self._names, self._begins, self._ends, strict=True):
            if other.within(begin, end):
                return name
        return ""


def outermost(named: Iterable[Named]) -> list[Named]:
    """Leave out contiguous arrays that lie within another one, and empty ones."""
    found, reached = [], 0
    ranges = [(address(a), -address(a) - a.nbytes, what, a) for what, a in named if a.nbytes]
    for _, end, what, array in sorted(ranges, key=lambda each: each[:2]):
        if -end > reached:
            found.append((what, array))
            reached = -end
    return found


class Written:
    """The arrays that a step writes."""

    def __init__(self, arrays: Iterable[Named]) -> None:
        self._arrays = [(what, array) for what, array in arrays if array.nbytes]
        self._extents = Extents(self._arrays)
        self.check_disjoint = self._extents.check_disjoint

    def check_apart(self, g: NDArray[Any], what: str) -> None:
        """Raise ValueError if a gradient shares memory with one of them."""
        for number in self._extents.within(*bounds(g)) if g.nbytes else ():
            name, array = self._arrays[number]
            if np.shares_memory(g, array):
                raise ValueError(
                    f"{what} shares memory with {name}, which is written while that is "
                    "read: pass a copy, np.array(g)"
                )


def check_zeroable(gradients: Iterable[Named]) -> None:
    """Raise unless the gradients can be zeroed after they have been read."""
    remedy = "zero_grads=True zeroes it: give an array of its own, np.array(g), or set zero_grads=False"
    arrays = list(gradients)
    for what, g in arrays:
        if not g.flags.writeable:
            raise ValueError(f"{what} is read-only, and {remedy}")
        if overlaps_itself(g):
            raise ValueError(f"{what} has several elements in one place, and {remedy}")
    reaching: list[tuple[int, Named]] = []  # those that end behind the beginning of the next
    for (begin, end), k in sorted((bounds(g), k) for k, (_, g) in enumerate(arrays) if g.size):
        what, g = arrays[k]
        reaching = [entry for entry in reaching if entry[0] > begin]
        for _, (other, h) in reaching:
            if np.shares_memory(g, h):
                raise ValueError(f"{what} shares memory with {other}, and {remedy}")
        reaching.append((end, arrays[k]))


def overlaps_itself(array: NDArray[Any]) -> bool:
    """Return whether two elements may lie in the same place: a broadcast array has such."""
    if array.size == 0:
        return False
    reach = array.itemsize  # bytes from the first to the last of the axes so far
    axes = zip(array.strides, array.shape, strict=True)
    for stride, length in sorted((abs(s), n) for s, n in axes if n > 1):
        if stride < reach:
            return True
        reach += stride * (length - 1)
    return False
