"""The formats of numbers: those that are computed in, and those of 16 bits, read and written.

csrc/kernels/formats.hpp is the same in C++. 16 bits are rounded to nearest, ties to even; a double goes
to bfloat16 by way of float32, as in ml_dtypes, which is not needed: bfloat16 is its bits here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.numerics.environment import FloatingPointEnvironment

NEEDED = "float32 or float64"
NEEDED_LOW = "float32, float64, float16 or ml_dtypes.bfloat16"


class Format(NamedTuple):
    """A way to store numbers, under the name that NumPy or ml_dtypes has for it.

    Attributes
    ----------
    bits : dtype
        Of the elements, or of their bits where NumPy has no such dtype.
    widened : function
        Makes of these an array that NumPy computes with, exactly.
    narrowed : function or None
        Rounds float32 or float64 to these; None for a format that copies cannot have.
    """

    name: str
    bits: np.dtype[Any]
    widened: Callable[[NDArray[Any]], NDArray[Any]]
    narrowed: Callable[[NDArray[Any]], NDArray[Any]] | None


def format_of(dtype: np.dtype[Any]) -> Format | None:
    """Return the format that gradients of a dtype have; None where they cannot be cast from it."""
    found = _BY_NAME.get(dtype.name)
    fits = found is not None and dtype.isnative and dtype.itemsize == found.bits.itemsize
    return found if fits else None


def format_of_copy(dtype: np.dtype[Any]) -> Format | None:
    """Return the format that a copy of a dtype has, where uint16 is the bits of bfloat16; or None."""
    found = _BY_NAME["bfloat16"] if dtype == np.uint16 else format_of(dtype)
    return None if found is None or found.narrowed is None else found


def is_supported(dtype: np.dtype[Any]) -> bool:
    """Return whether it is computed in (foreign byte orders compare unequal)."""
    return dtype in SUPPORTED


def is_low(dtype: np.dtype[Any]) -> bool:
    """Return whether it has 16 bits, so that what is stored so is computed in float32."""
    if dtype in SUPPORTED:  # mostly
        return False
    form = format_of(dtype)
    return form is not None and form.narrowed is not None


def computed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return what a parameter of a dtype is computed in, as most of its states are kept."""
    return SUPPORTED[0] if is_low(dtype) else dtype


def kept(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return what a checkpoint holds arrays of a dtype in: the bits of what NumPy has not."""
    form = format_of(dtype)
    return dtype if form is None else form.bits


def widened(x: NDArray[Any]) -> NDArray[Any]:
    """Return an array as it is computed in, exactly: itself, or a copy in float32 of one of 16 bits."""
    return read(x, computed(x.dtype))


def read(g: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a gradient in the dtype of its parameter, each element rounded once."""
    form = format_of(g.dtype)
    values = g if form is None else form.widened(g.view(form.bits))
    found: NDArray[Any] = values.astype(dtype, copy=False)
    return found


def taken(g: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Do the same, whatever floating-point environment the thread has."""
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        return read(g, dtype)


def as_it_is(x: NDArray[Any]) -> NDArray[Any]:
    """Return what NumPy computes with already."""
    return x


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


# In the order of csrc/kernels/formats.hpp. The first two are computed in.
FORMATS = (
    Format("float32", np.dtype(np.float32), as_it_is, None),
    Format("float64", np.dtype(np.float64), as_it_is, None),
    Format("float16", np.dtype(np.float16), as_it_is, to_float16),
    Format("bfloat16", np.dtype(np.uint16), from_bfloat16, to_bfloat16),
)
SUPPORTED = tuple([each.bits for each in FORMATS[:2]])
_BY_NAME = {each.name: each for each in FORMATS}


def narrow_into(copy: NDArray[Any], x: NDArray[Any]) -> None:
    """Round x into a copy."""
    form = format_of_copy(copy.dtype)
    assert form is not None
    assert form.narrowed is not None
    copy.view(form.bits)[...] = form.narrowed(x)
