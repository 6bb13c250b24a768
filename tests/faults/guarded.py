"""Arrays between pages that nobody may touch: an access outside of one is a signal."""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any
from unittest.mock import patch

import numpy as np

from faults import Array

PAGE = mmap.PAGESIZE
NO_ACCESS = 0  # PROT_NONE, which mmap has no name for
_libc = ctypes.CDLL(None, use_errno=True)


def guarded(array: Any, at_end: bool = True) -> Array:
    """Copy an array to where its end, or its beginning, touches a page without access."""
    found = empty(array.shape, array.dtype, "C" if array.flags.c_contiguous else "F", at_end)
    found[...] = array
    return found


def empty(shape: tuple[int, ...], dtype: Any, order: Any = "C", at_end: bool = True) -> Array:
    nbytes = prod(shape) * np.dtype(dtype).itemsize
    inside = max(-(-nbytes // PAGE), 1) * PAGE
    memory = mmap.mmap(-1, inside + 2 * PAGE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (begin, begin + PAGE + inside):
        if _libc.mprotect(ctypes.c_void_p(page), PAGE, NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = PAGE + (inside - nbytes if at_end else 0)
    found: Array = np.ndarray(shape, dtype, memory, offset, order=order)
    return found


@contextmanager
def states_guarded() -> Iterator[None]:
    """Let fastopt allocate states, averages and sums in guarded memory."""
    from fastopt.arrays.allocation import Arena, Form

    def like(arena: Arena, p: Array, fill: Any, number: int, form: Form | None = None) -> Array:
        order = "C" if p.flags.c_contiguous else "F"
        state = empty(*(form or Form.like(p)), order, number % 2 == 0)
        state[...] = fill
        return state

    with patch.object(Arena, "like", like):
        yield
