"""The walk of a pass over the elements of all arrays, one compiled call without the GIL.

A table has a line of words for each parameter: the number of elements before it, its elements, the
bytes of one, the number of its kernel, and the addresses of the parameter and its states.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import address
from fastopt.backends.numba_function import of_words
from fastopt.backends.numba_memory import call, octets, room, words

WORD = np.dtype(np.intp).itemsize
BEFORE, SIZE, ITEM, KERNEL, STREAMS = range(5)
# Of a kernel: its address, and those of the scalars of the stage and of the rule.
OF_KERNEL = 3
TILE = 4096  # elements that are updated before their gradients are zeroed


def walk(
    table: Any,
    width: Any,
    count: Any,
    gradients: Any,  # addresses, 0 where there is nothing to be done
    stride: Any,  # words from one to the next
    kernels: Any,
    begin: Any,  # of the elements of all arrays
    end: Any,
    zero: Any,
) -> Any:  # pragma: no cover - compiled
    """Update the elements from begin to end; zero their gradients."""
    moved = room(width)
    for i in range(count):
        line = words(table + i * width * WORD)
        a, b = begin - line[BEFORE], end - line[BEFORE]
        a, b = a if a > 0 else 0, b if b < line[SIZE] else line[SIZE]  # max and min compile slowly
        g = words(gradients)[i * stride]
        if g == 0:
            continue
        item = line[ITEM]
        kernel = kernels + line[KERNEL] * OF_KERNEL * WORD
        while a < b:
            n = TILE if zero and b - a > TILE else b - a
            for s in range(STREAMS + 1, width):
                words(moved)[s - STREAMS - 1] = line[s] + a * item
            at = g + a * item
            call(words(kernel)[0], kernel + WORD, line[STREAMS] + a * item, at, moved, n)
            if zero:
                for k in range(n * item):
                    octets(at)[k] = 0
            a += n
    return 0


class Table:
    """The lines of parameters and states, given as flat arrays."""

    def __init__(self, flats: Sequence[tuple[NDArray[Any], ...]]) -> None:
        self.width = STREAMS + max((len(each) for each in flats), default=1)
        self.lines = np.zeros((len(flats), self.width), np.intp)
        self.elements = 0
        for line, arrays in zip(self.lines, flats, strict=True):
            p = arrays[0]
            line[: STREAMS + len(arrays)] = (
                *(self.elements, p.size, p.itemsize, 0),
                *map(address, arrays),
            )
            self.elements += p.size
        self._at = address(self.lines)
        self._line = self.width * WORD

    def walk(
        self, gradients_at: int, stride: int, kernels_at: int, begin: int, end: int, zero: bool
    ) -> None:
        """Update elements from begin to end; the addresses of gradients lie `stride` words apart."""
        compiled = of_words(walk, True)
        width, count = self.width, len(self.lines)
        compiled(self._at, width, count, gradients_at, stride, kernels_at, begin, end, zero)

    def walk_one(self, i: int, g: NDArray[Any], kernels_at: int, begin: int) -> None:
        """Update the elements of parameter i from `begin` on by a gradient of as many."""
        before, _, item = self.lines[i, :KERNEL].tolist()
        g = g if g.flags.aligned else g.copy()
        first = np.array([address(g) - begin * item])
        of_words(walk, True)(
            *(self._at + i * self._line, self.width, 1, address(first), 1, kernels_at),
            *(before + begin, before + begin + g.size, False),
        )
