"""Arrays of gibibytes that take mebibytes: one small file, mapped many times in a row."""

import ctypes
import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]

ELEMENTS = 3 * 2**19  # of the file: 6 MiB of float32, of which 2^31 and 2^32 bytes are no multiples
_FIXED = 0x10  # MAP_FIXED: the same number on every Linux


@contextmanager
def repeated(count: int, *dtypes: Any) -> Iterator[list[Array]]:
    """Make arrays of ``count * ELEMENTS`` elements, in each of which a file lies `count` times.

    Element i is the very memory of element ``i % ELEMENTS``. What is read or written at an address that
    is wrong by 2^32 bytes is that of another element of the file, which the first ELEMENTS show.
    """
    if sys.platform != "linux":
        pytest.skip("maps memory as Linux does")
    maps = [_Map(count, np.dtype(dtype)) for dtype in dtypes]
    try:
        yield [each.array for each in maps]
    finally:
        for each in maps:
            each.unmap()


class _Map:
    def __init__(self, count: int, dtype: np.dtype[Any]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        period = ELEMENTS * dtype.itemsize
        self._length = count * period
        file = os.memfd_create("repeated")
        try:
            os.ftruncate(file, period)
            anywhere = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._address = self._mmap(None, self._length, 0, anywhere, -1)
            for k in range(count):
                access = mmap.PROT_READ | mmap.PROT_WRITE
                self._mmap(self._address + k * period, period, access, mmap.MAP_SHARED | _FIXED, file)
        finally:
            os.close(file)
        memory = (ctypes.c_uint8 * self._length).from_address(self._address)
        self.array: Array = np.ctypeslib.as_array(memory).view(dtype)

    def _mmap(self, place: int | None, length: int, access: int, flags: int, file: int) -> int:
        at, size, begin = ctypes.c_void_p(place), ctypes.c_size_t(length), ctypes.c_long(0)
        found = self._libc.mmap(at, size, access, flags, file, begin)
        if found in (None, ctypes.c_void_p(-1).value):
            pytest.skip(f"{length} bytes cannot be mapped: {os.strerror(ctypes.get_errno())}")
        return int(found)

    def unmap(self) -> None:
        self._libc.munmap(ctypes.c_void_p(self._address), ctypes.c_size_t(self._length))
