"""Whether gradients lie apart from all that a step writes, asked for many arrays."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any

from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from fastopt.arrays.checks import Named, check_apart


class Written:
    """Contiguous arrays that share no memory, sorted by address: each question looks at few of them."""

    def __init__(self, arrays: Iterable[Named]) -> None:
        found = sorted(((*byte_bounds(a), k, what, a) for k, (what, a) in enumerate(arrays) if a.size))
        self._begins = [begin for begin, *_ in found]
        self._ends = [end for _, end, *_ in found]
        self._named = [(k, (what, a)) for _, _, k, what, a in found]

    def check_apart(self, g: NDArray[Any], what: str) -> None:
        """Raise ValueError if a gradient shares memory with one of them."""
        if not g.size:
            return
        begin, end = byte_bounds(g)
        near = self._named[bisect_right(self._ends, begin) : bisect_left(self._begins, end)]
        check_apart(g, what, [named for _, named in sorted(near, key=lambda each: each[0])])
