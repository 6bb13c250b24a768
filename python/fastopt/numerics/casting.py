"""16-bit floats: bfloat16 and float16, rounded to nearest, ties to even.

A double goes to bfloat16 by way of float32, as in ml_dtypes. csrc/convert.hpp is the same in C++.
bfloat16 is its bits, uint16: NumPy has no such dtype of its own, and ml_dtypes, which has, is not
needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.numerics.environment import FloatingPointEnvironment


def taken(g: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Give a gradient as a parameter of this dtype takes it; uint16 is the bits of bfloat16."""
    values = from_bfloat16(g) if g.dtype == np.uint16 else g
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        found: NDArray[Any] = values.astype(dtype, copy=False)
        return found


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Say whether it is the bfloat16 of ml_dtypes."""
    return dtype.name == "bfloat16" and dtype.itemsize == 2


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


def from_bfloat16(bits: NDArray[Any]) -> NDArray[np.float32]:
    """Widen the bits of bfloat16."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
