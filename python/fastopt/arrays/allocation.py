"""The place of optimizer state in memory."""

from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays.memory import address
from fastopt.numerics import computed

LINE = 64  # bytes of a cache line
LARGE = 1 << 16  # bytes from which arrays may each begin at the same place in a page
STAGGER = 1024 + LINE
BLOCK = 1 << 20  # bytes that small arrays share at most


class Form(NamedTuple):
    """The shape and the dtype of an array of the state."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def like(cls, p: NDArray[Any]) -> "Form":
        """Return that of most: the shape of its parameter, and what that is computed in."""
        return cls(p.shape, computed(p.dtype))


class Arena:
    """Allocator of states.

    Small ones share blocks: a step looks whether the owner of their memory still has it, and one owner
    for each of a thousand is as much to look at as the states themselves. A block is never larger than
    all before it together.
    """

    def __init__(self) -> None:
        self._block, self._address = np.zeros(0, np.uint8), 0
        self._last: tuple[Any, int] = (None, 0)  # a parameter and its phase
        self._lock = Lock()  # a checkpoint is read by several threads
        self._used = 0  # bytes of this block
        self._given = 0  # of all

    def like(self, p: NDArray[Any], fill: Any, number: int, form: Form | None = None) -> NDArray[Any]:
        """Allocate state number 0, 1, ... of a parameter: in its order, filled, and of `Form.like`.

        One of another `form` has its own; one of another shape is an array of its own.

        State begins at the parameter's own phase within a cache line, so that the kernels can go line
        by line through all of them at once. Large arrays all begin at the same offset in their page,
        and a processor that compares the low bits of addresses takes them for each other; they are
        staggered.
        """
        shape, dtype = form or Form.like(p)
        if shape != p.shape:
            found = np.zeros(shape, dtype)
            found[...] = fill
            return found
        last = self._last
        if last[0] is not p:  # several states of one parameter follow each other
            last = self._last = (p, address(p) % LINE)
        # What is stored otherwise than it is computed in is read from lines of memory.
        size, phase = p.size * dtype.itemsize, last[1] if dtype == p.dtype else 0
        if size >= LARGE:
            shift = phase + STAGGER * (number + 1)
            block = np.zeros(size + shift + LINE, np.uint8)
            start = -address(block) % LINE + shift
        else:
            block, begin, at = self._share(size + phase + LINE)
            start = begin + -at % LINE + phase
        order: Any = "C" if p.flags.c_contiguous else "F"
        state: NDArray[Any] = np.ndarray(shape, dtype, block, start, order=order)
        if not (type(fill) is float and fill == 0.0):
            state[...] = fill
        return state

    def _share(self, nbytes: int) -> tuple[NDArray[np.uint8], int, int]:
        """Return a block, the offset in it from which so many bytes are free, and their address."""
        with self._lock:
            if self._block.nbytes - self._used < nbytes:
                self._block = np.zeros(max(nbytes, min(self._given, BLOCK)), np.uint8)
                self._used, self._address = 0, address(self._block)
            begin = self._used
            self._used += nbytes
            self._given += nbytes
            return self._block, begin, self._address + begin
