"""Arrays that lie in a larger buffer, between canaries or before memory that nobody may touch."""

import ctypes
import mmap
from typing import Any

import numpy as np

from support.by_hand import Array

CANARY = 0xA5
ROOM = 32  # elements before and after
PAGE = mmap.PAGESIZE


class Framed:
    """A copy of an array that begins `offset` elements later, with canaries on both sides."""

    def __init__(self, a: Array, offset: int) -> None:
        begin = (ROOM + offset) * a.itemsize
        self._buffer = np.full(begin + a.nbytes + ROOM * a.itemsize, CANARY, np.uint8)
        self._inside = slice(begin, begin + a.nbytes)
        order: Any = "C" if a.flags.c_contiguous else "F"
        self.array = self._buffer[self._inside].view(a.dtype).reshape(a.shape, order=order)
        self.array[...] = a

    def check(self) -> None:
        outside = np.delete(self._buffer, self._inside)
        assert (outside == CANARY).all(), "a byte beside the array was written"


def guarded(a: Array, at_end: bool) -> Array:
    """Copy an array to where it ends, or begins, at a page that cannot be read or written."""
    pages = -(-a.nbytes // PAGE) + 2
    memory = mmap.mmap(-1, pages * PAGE)
    buffer = np.frombuffer(memory, np.uint8)
    for page in (0, pages - 1):
        _protect(buffer[page * PAGE :])
    begin = (pages - 1) * PAGE - a.nbytes if at_end else PAGE
    order: Any = "C" if a.flags.c_contiguous else "F"
    found: Array = buffer[begin : begin + a.nbytes].view(a.dtype).reshape(a.shape, order=order)
    found[...] = a
    return found


def _protect(page: Array) -> None:
    address = ctypes.c_void_p(page.__array_interface__["data"][0])
    assert ctypes.CDLL(None).mprotect(address, ctypes.c_size_t(PAGE), 0) == 0
