"""Arrays looked at by a compiled loop: whether they are as they were, and where gradients lie now.

It reads the fields of NumPy's arrays where NumPy's C interface has them. What it finds as it should be
is so; whatever it does not know is left to Python.
"""

from collections.abc import Sequence
from ctypes import c_int, c_ssize_t
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Extents, address
from fastopt.backends.numba_function import of_words
from fastopt.backends.numba_memory import ints, words

WORD = np.dtype(np.intp).itemsize
HEADER = object.__basicsize__  # of an object; PyArrayObject_fields follows
TYPE = HEADER - WORD
# Its fields, in words; the lengths and the strides are pointers.
DATA, AXES, LENGTHS, STRIDES, BASE, DTYPE, FLAGS = range(7)
C_ORDER, F_ORDER, ALIGNED, WRITEABLE = 0x1, 0x2, 0x100, 0x400

# What is expected of an array: its place, bytes, dtype, which flags and their values, axes, lengths.
AT, BYTES, KIND, MASK, SET, NDIM, SHAPE = range(7)


def differing(
    objects: Any,
    expected: Any,
    width: Any,
    count: Any,
    needed: Any,
    exact: Any,  # the types of arrays that are others at each step; 0 where they are the same ones
    also_exact: Any,
    extents: Any,  # which those may not reach into: where they begin, in order, then where they end
    extents_count: Any,
    found: Any,
) -> Any:  # pragma: no cover - compiled
    """List the numbers of the objects that are not as expected, and return how many they are."""
    many = 0
    for k in range(count):
        array, row = words(objects)[k], words(expected + k * width * WORD)
        kind = words(array + TYPE)[0]
        fits = exact == 0 or (kind == exact) | (kind == also_exact)
        if fits:
            fields = words(array + HEADER)
            flags = ints(array + HEADER + FLAGS * WORD)[0]
            fits = (
                fields[DTYPE] == row[KIND]
                and (flags & row[MASK]) == row[SET]
                and (flags & needed) == needed
                and ints(array + HEADER + AXES * WORD)[0] == row[NDIM]
            )
            if fits:
                lengths = words(fields[LENGTHS])
                for d in range(row[NDIM]):
                    fits = fits and lengths[d] == row[SHAPE + d]
            if fits and fields[DATA] != row[AT]:
                fits = exact != 0
                if fits and row[BYTES] > 0:
                    low, high = 0, extents_count
                    while low < high:  # the first that ends behind its beginning
                        middle = (low + high) // 2
                        if words(extents)[extents_count + middle] <= fields[DATA]:
                            low = middle + 1
                        else:
                            high = middle
                    fits = low == extents_count or words(extents)[low] >= fields[DATA] + row[BYTES]
                row[AT] = fields[DATA] if fits else row[AT]
        if not fits:
            row[AT] = 0 if exact else row[AT]
            words(found)[many] = k
            many += 1
    return many


class Expected:
    """An expectation of arrays that stay as they are, or of the gradients of such arrays."""

    def __init__(self, arrays: Sequence[NDArray[Any]], extents: Extents | None = None) -> None:
        """Expect these arrays; or gradients of them, which may not reach into `extents`."""
        moves = extents is not None
        begins, ends = extents.ranges() if extents is not None else ([], [])
        self._types = (id(np.ndarray), id(np.memmap)) if moves else (0, 0)
        self._count = len(arrays)
        self._width = SHAPE + max((a.ndim for a in arrays), default=0)
        self.rows = np.zeros((self._count, self._width), np.intp)
        self._dtypes = [np.dtype(a.dtype.type) if moves else a.dtype for a in arrays]
        for row, a, dtype in zip(self.rows, arrays, self._dtypes, strict=True):
            known = _gradient(a) if moves else _fixed(a)
            row[: SHAPE + a.ndim] = (*known[:2], id(dtype), *known[2:], a.ndim, *a.shape)
        self._ids = np.fromiter(map(id, arrays), np.intp, self._count)
        self._extents = np.array([*begins, *ends], np.intp)
        self._found = np.zeros(self._count, np.intp)
        used = (self.rows, self._extents, self._found, self._ids)
        self._rows_at, self._extents_at, self._found_at, self._ids_at = map(address, used)
        self._extents_count = len(begins)
        self.places = (self._rows_at, self._width)  # of AT: of the first, and the words to the next

    def differing(self, gradients: Sequence[Any] | None = None, flags: int = 0) -> Sequence[int]:
        """List the numbers of the arrays, or of these gradients, that are not so, or may not be."""
        if not layout_is_known():
            return range(self._count)
        ids_at = self._ids_at
        if gradients is not None:
            ids = np.fromiter(map(id, gradients), np.intp, self._count)
            ids_at = address(ids)
        many = of_words(differing, False)(
            *(ids_at, self._rows_at, self._width, self._count, flags, *self._types),
            *(self._extents_at, self._extents_count, self._found_at),
        )
        found: list[int] = self._found[:many].tolist() if many else []
        return found


def _fixed(a: NDArray[Any]) -> tuple[int, int, int, int]:
    mask = C_ORDER | F_ORDER | ALIGNED | WRITEABLE
    return address(a), a.nbytes, mask, a.flags.num & mask


def _gradient(a: NDArray[Any]) -> tuple[int, int, int, int]:
    mask = ALIGNED | (C_ORDER if a.flags.c_contiguous else F_ORDER)
    return 0, a.nbytes, mask, mask


@cache
def layout_is_known() -> bool:
    """Return whether NumPy's arrays have their fields where they have been since its version 1.7."""
    for a in (np.zeros((3, 5, 2), np.float32, "F"), np.zeros(9)[2:], np.zeros(())):
        if type(a).__basicsize__ < HEADER + (FLAGS + 1) * WORD:
            return False
        fields = (c_ssize_t * (FLAGS + 1)).from_address(id(a) + HEADER)
        flags = c_int.from_address(id(a) + HEADER + FLAGS * WORD).value
        axes = c_int.from_address(id(a) + HEADER + AXES * WORD).value
        kind = c_ssize_t.from_address(id(a) + TYPE).value
        lengths = a.ndim and fields[STRIDES] - fields[LENGTHS]
        if (fields[DATA], fields[DTYPE], flags, axes, kind, lengths) != (
            *(address(a), id(a.dtype), a.flags.num, a.ndim, id(type(a)), a.ndim * WORD),
        ):
            return False
    return True
