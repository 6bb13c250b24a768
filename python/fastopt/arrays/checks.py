"""The one place that says what is wrong with an array, and the line that mends it.

The native plan only notices that something is wrong; what it is, is found out here. Every message names
the array, what it is, and what is needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays.foreign import is_spelled_out
from fastopt.arrays.kinds import KEPT, check_kind
from fastopt.arrays.shapes import misfit
from fastopt.numerics import NEEDED, NEEDED_LOW, computed, format_of, is_low, is_supported


def check_written(array: Any, what: str, low: bool = False) -> None:
    """Raise unless the kernels can update an array in place; `low` if it may have 16 bits."""
    check_kind(array, what, kept=KEPT)
    if not (low and is_low(array.dtype)):
        _check_dtype(array, what, low)
    flags = array.flags
    contiguous = flags.c_contiguous or flags.f_contiguous
    if contiguous and flags.aligned and flags.writeable:
        return
    found = f"{what} ({array.dtype}, shape {array.shape})"
    if not contiguous:
        raise ValueError(
            f"{found} is not contiguous (strides {array.strides}); fastopt updates in place and "
            f"copies nothing behind your back: use np.ascontiguousarray(a){KEPT}"
        )
    if not flags.aligned:
        raise ValueError(
            f"{found} is misaligned in memory; give a copy that NumPy has allocated: np.array(a){KEPT}"
        )
    if not flags.writeable:
        raise ValueError(
            f"{found} is read-only; open the memory map with mode 'r+', or give a copy that can be "
            f"written, np.array(a){KEPT}"
        )


def check_state(array: Any, what: str, p: NDArray[Any]) -> None:
    """Raise unless an array that the caller owns can be a state of p."""
    check_written(array, what)
    if array.dtype == p.dtype and array.shape != p.shape:
        order = "C" if p.flags.c_contiguous else "F"
        found = misfit(array.shape, p.shape, what)
        lines = [f"np.array({line}, order={order!r})" for line in found.lines if ".sum(" not in line]
        remedy = str(found._replace(lines=lines)) if lines else "np.zeros_like(p) makes a new one"
        raise ValueError(
            f"{what} ({array.dtype}, shape {array.shape}) must have the shape of its parameter "
            f"({p.dtype}, shape {p.shape}): {remedy}"
        )
    if array.dtype != p.dtype:
        raise ValueError(
            f"{what} ({array.dtype}, shape {array.shape}) must have the dtype, shape and memory order "
            f"of its parameter ({p.dtype}, shape {p.shape}): np.zeros_like(p)"
        )
    check_layout(array, what, p, "np.zeros_like(p)")


def check_layout(array: NDArray[Any], what: str, p: NDArray[Any], remedy: str) -> None:
    """Raise unless an array lies as p does, and can be written."""
    same_order = array.flags.c_contiguous if p.flags.c_contiguous else array.flags.f_contiguous
    if array.shape != p.shape or not same_order:
        raise ValueError(
            f"{what} ({array.dtype}, shape {array.shape}) must have the shape and memory order of its "
            f"parameter ({p.dtype}, shape {p.shape}): {remedy}"
        )
    if not (array.flags.writeable and array.flags.aligned):
        raise ValueError(f"{what} is read-only or misaligned: {remedy}")


def check_gradient(g: Any, what: str, p: NDArray[Any], casts: bool = False) -> None:
    """Raise unless g is a gradient of p; any strides will do, and any float dtype if it is cast."""
    check_kind(g, what, "g", p.dtype)
    if g.dtype not in (p.dtype, computed(p.dtype)) and not (casts and format_of(g.dtype)):
        name = computed(p.dtype).name
        others = "" if casts or not format_of(g.dtype) else "; cast_grads=True takes it as it is"
        raise TypeError(
            f"{what} has dtype {_spell(g.dtype)}, its parameter {_spell(p.dtype)}; compute it in "
            f"{name}, or convert it with g.astype(np.{name}){others}"
        )
    if g.shape != p.shape:
        raise ValueError(
            f"{what} has shape {g.shape}; it must have its parameter's, {p.shape}: "
            f"{misfit(g.shape, p.shape)}"
        )


def _check_dtype(array: NDArray[Any], what: str, low: bool) -> None:
    dtype = array.dtype
    if is_supported(dtype):
        if is_spelled_out(dtype):
            raise TypeError(
                f"{what} has dtype {dtype.name} with its byte order spelled out, as buffers have it: "
                f"a.view(np.{dtype.name}) is the array without, in the same memory"
            )
        return
    if dtype.kind == "f" and not dtype.isnative and dtype.itemsize in (4, 8):
        remedy = "convert it with a.astype(a.dtype.newbyteorder('='))"
    elif low and dtype == np.uint16:
        remedy = (
            "a.view(ml_dtypes.bfloat16), if it is the bits of that; numbers convert with "
            "a.astype(np.float64)"
        )
    elif dtype.kind in "iub":
        remedy = "convert it with a.astype(np.float64)"
    elif dtype.kind == "c":
        remedy = "give its real view, a.view(a.real.dtype), if that is what you mean to optimize"
    elif dtype.names:
        remedy = f"give an array of each field, np.ascontiguousarray(a[{dtype.names[0]!r}])"
    elif dtype.kind == "O" and array.size and isinstance(array.flat[0], np.ndarray):
        remedy = "its elements are arrays: give list(a)"
    else:
        remedy = "convert it with a.astype(np.float32)"
    needed = NEEDED_LOW if low else NEEDED
    raise TypeError(f"{what} has dtype {_spell(dtype)}; it must be {needed}: {remedy}{KEPT}")


def _spell(dtype: np.dtype) -> str:
    return str(dtype) if dtype.isnative else f"{dtype.str} (foreign byte order)"
