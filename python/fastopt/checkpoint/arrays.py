"""Arrays that a checkpoint can hold: dtype, shape and memory order, and their bytes."""

from collections.abc import Iterator
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import flat
from fastopt.runtime import describe

DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        *("float16", "float32", "float64"),
        *("int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    )
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}  # NumPy takes its time to name one
DIMENSIONS = 64  # the most that NumPy has
BLOCK = 4 << 20  # bytes that are moved at a time


class ArraySpec(NamedTuple):
    """The description of an array: all but its values.

    An array that is both C- and F-contiguous, such as any vector, has order "C".
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]

    @classmethod
    def of(cls, array: NDArray[Any], what: str = "the array") -> "ArraySpec":
        """Describe an array.

        Raises
        ------
        TypeError
            For anything but a plain array (or a memory map) of float16, float32, float64 or integers
            of 8 to 64 bits, little-endian.
        ValueError
            For an array that is neither C- nor F-contiguous.
        """
        if type(array) not in (np.ndarray, np.memmap):
            raise TypeError(f"{what} is {describe(array)}; it must be a NumPy array: np.asarray(...)")
        if array.dtype not in NAMES:
            raise TypeError(
                f"{what} has dtype {array.dtype.str!r} ({array.dtype}); a checkpoint holds "
                f"{', '.join(DTYPES)}, little-endian: convert it with .astype(...), or use "
                ".view(np.uint16) for the bits of bfloat16"
            )
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            raise ValueError(
                f"{what} ({array.dtype}, shape {array.shape}) is not contiguous (strides "
                f"{array.strides}): use np.ascontiguousarray(...)"
            )
        return cls(array.dtype, array.shape, "C" if array.flags.c_contiguous else "F")

    @property
    def nbytes(self) -> int:
        """The number of bytes of the values: a Python int, which nothing overflows."""
        return prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype}, shape {self.shape}"


def bytes_of(array: NDArray[Any]) -> memoryview:
    """View the bytes of a contiguous array, in the order of memory."""
    return flat(array).view(np.uint8).data


def blocks(data: memoryview) -> Iterator[memoryview]:
    """Cut bytes into blocks."""
    for begin in range(0, len(data), BLOCK):
        yield data[begin : begin + BLOCK]
