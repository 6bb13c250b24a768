"""The formats of numbers: those that are computed in, and those of 16 bits, read and written.

csrc/kernels/kernel.hpp and convert.hpp are the same in C++. 16 bits are rounded to nearest, ties to
even; a double goes to bfloat16 by way of float32, as in ml_dtypes. bfloat16 is its bits, uint16: NumPy
has no such dtype of its own, and ml_dtypes, which has, is not needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.numerics.environment import FloatingPointEnvironment

SUPPORTED = (np.dtype(np.float32), np.dtype(np.float64))
NEEDED = "float32 or float64"


def is_supported(dtype: np.dtype[Any]) -> bool:
    """Return whether parameters can have a dtype (foreign byte orders compare unequal)."""
    return dtype in SUPPORTED


def is_float(dtype: np.dtype[Any]) -> bool:
    """Return whether gradients can be cast from a dtype."""
    return dtype in (*SUPPORTED, np.dtype(np.float16)) or is_bfloat16(dtype)


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Return whether it is the bfloat16 of ml_dtypes."""
    return dtype.name == "bfloat16" and dtype.itemsize == 2


def taken(g: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read a gradient in the dtype of its parameter; uint16 is the bits of bfloat16."""
    values = from_bfloat16(g) if g.dtype == np.uint16 else g
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        found: NDArray[Any] = values.astype(dtype, copy=False)
        return found


def to_bfloat16(x: NDArray[Any]) -> NDArray[np.uint16]:
    """Round to the bits of bfloat16."""
    values = x.astype(np.float32, copy=False)
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    nan = np.uint32(0x7FC0) | ((bits >> np.uint32(16)) & np.uint32(0x8000))
    return np.where(values != values, nan, rounded).astype(np.uint16)


def to_float16(x: NDArray[Any]) -> NDArray[np.float16]:
    """Round to float16."""
    return x.astype(np.float16)


def narrow_into(copy: NDArray[Any], x: NDArray[Any]) -> None:
    """Round x into a copy of 16 bits; uint16 is the bits of bfloat16."""
    if copy.dtype == np.float16:
        copy[...] = to_float16(x)
    else:
        copy.view(np.uint16)[...] = to_bfloat16(x)


def from_bfloat16(bits: NDArray[Any]) -> NDArray[np.float32]:
    """Widen the bits of bfloat16."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
