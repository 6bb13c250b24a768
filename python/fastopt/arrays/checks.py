"""The one place that says what is wrong with an array, and the line that mends it.

The native plan only notices that something is wrong; what it is, is found out here. Every message names
the array, what it is, and what is needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from fastopt.arrays.shapes import misfit
from fastopt.numerics.formats import NEEDED, is_float, is_supported

Named = tuple[str, NDArray[Any]]


def check_written(array: Any, what: str) -> None:
    """Raise unless the kernels can update an array in place."""
    check_kind(array, what)
    _check_dtype(array, what)
    flags = array.flags
    contiguous = flags.c_contiguous or flags.f_contiguous
    if contiguous and flags.aligned and flags.writeable:
        return
    found = f"{what} ({array.dtype}, shape {array.shape})"
    if not contiguous:
        raise ValueError(
            f"{found} is not contiguous (strides {array.strides}); fastopt updates in place and "
            "copies nothing behind your back: use np.ascontiguousarray(...) for the parameter and "
            "let your model hold that array"
        )
    if not flags.aligned:
        raise ValueError(
            f"{found} is misaligned in memory; give a copy that NumPy has allocated: np.array(...)"
        )
    if not flags.writeable:
        raise ValueError(
            f"{found} is read-only; give a copy that can be written, np.array(...), or open the "
            "memory map with mode 'r+'"
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
    check_kind(g, what)
    if g.dtype != p.dtype and not (casts and is_float(g.dtype)):
        name = p.dtype.name
        others = "" if casts or not is_float(g.dtype) else "; cast_grads=True takes it as it is"
        raise TypeError(
            f"{what} has dtype {_spell(g.dtype)}, its parameter {_spell(p.dtype)}; compute it in "
            f"{name}, or convert it with g.astype(np.{name}){others}"
        )
    if g.shape != p.shape:
        raise ValueError(
            f"{what} has shape {g.shape}; it must have its parameter's, {p.shape}: "
            f"{misfit(g.shape, p.shape)}"
        )


def check_disjoint(written: Iterable[Named]) -> None:
    """Raise if two written arrays share memory: one step would update it twice."""
    ranges = sorted((*_extent(a), what) for what, a in written if a.size)
    for (_, end, first), (begin, _, second) in pairwise(ranges):
        if begin < end:
            raise ValueError(
                f"{second} shares memory with {first}; one step would update it twice: give every "
                "array once, and copies (np.array(...)) of views that overlap"
            )


def check_zeroable(gradients: Iterable[Named]) -> None:
    """Raise unless the gradients can be zeroed after they have been read."""
    remedy = "zero_grad=True zeroes it: give an array of its own, np.array(g), or set zero_grad=False"
    arrays = list(gradients)
    for what, g in arrays:
        if not g.flags.writeable:
            raise ValueError(f"{what} is read-only, and {remedy}")
        if overlaps_itself(g):
            raise ValueError(f"{what} has several elements in one place, and {remedy}")
    reaching: list[tuple[int, Named]] = []  # those that end behind the beginning of the next
    for (begin, end), k in sorted((byte_bounds(g), k) for k, (_, g) in enumerate(arrays) if g.size):
        what, g = arrays[k]
        reaching = [entry for entry in reaching if entry[0] > begin]
        for _, (other, h) in reaching:
            if np.shares_memory(g, h):
                raise ValueError(f"{what} shares memory with {other}, and {remedy}")
        reaching.append((end, arrays[k]))


def check_apart(g: NDArray[Any], what: str, written: Sequence[Named]) -> None:
    """Raise if a gradient shares memory with an array that the step writes."""
    for name, array in written:
        if np.may_share_memory(g, array) and np.shares_memory(g, array):
            raise ValueError(
                f"{what} shares memory with {name}, which the step overwrites while it reads the "
                "gradient: pass a copy, np.array(g)"
            )


def overlaps_itself(array: NDArray[Any]) -> bool:
    """Say whether two elements may lie in the same place: a broadcast array has such."""
    if array.size == 0:
        return False
    reach = array.itemsize
    axes = zip(array.strides, array.shape, strict=True)
    for stride, length in sorted((abs(s), n) for s, n in axes if n > 1):
        if stride < reach:
            return True
        reach = stride * length
    return False


def check_kind(array: Any, what: str) -> None:
    """Raise unless it is a NumPy array, and no subclass of one."""
    if type(array) is np.ndarray or type(array) is np.memmap:
        return
    kind = f"{type(array).__module__}.{type(array).__qualname__}".removeprefix("builtins.")
    if array is None:
        remedy = "give an array; only gradients can be None"
    elif isinstance(array, np.ma.MaskedArray):
        remedy = "fastopt knows no masks: pass a.filled(0) or the array a.data"
    elif isinstance(array, np.ndarray):
        remedy = "subclasses may mean something else by their data: pass np.asarray(a)"
    elif kind.startswith("torch."):
        remedy = "t.detach().numpy() is an array that shares the tensor's memory"
    elif hasattr(type(array), "__array__"):
        remedy = "np.array(a) makes an array of it (a copy that can be written)"
    elif isinstance(array, Mapping):
        remedy = "the containers that fastopt knows are list, tuple and dict: pass dict(...)"
    elif isinstance(array, Iterable) and not isinstance(array, (list, tuple, str, bytes)):
        remedy = "the containers that fastopt knows are list, tuple and dict: pass list(...)"
    elif isinstance(array, (list, tuple, float, int, np.generic)):
        remedy = "make it one: np.array(a, dtype=np.float32)"
    else:
        remedy = "give a numpy.ndarray of dtype float32 or float64"
    raise TypeError(f"{what} is a {kind}, not a NumPy array; {remedy}")


def _check_dtype(array: NDArray[Any], what: str) -> None:
    dtype = array.dtype
    if is_supported(dtype):
        return
    if dtype.kind == "f" and not dtype.isnative and dtype.itemsize in (4, 8):
        remedy = "convert it with a.astype(a.dtype.newbyteorder('='))"
    elif dtype.kind in "iub":
        remedy = "convert it with a.astype(np.float64)"
    elif dtype.kind == "c":
        remedy = "give its real view, a.view(a.real.dtype), if that is what you mean to optimize"
    else:
        remedy = "convert it with a.astype(np.float32)"
    raise TypeError(f"{what} has dtype {_spell(dtype)}; it must be {NEEDED}: {remedy}")


def _spell(dtype: np.dtype) -> str:
    return str(dtype) if dtype.isnative else f"{dtype.str} (foreign byte order)"


def _extent(array: NDArray[Any]) -> tuple[int, int]:
    begin = array.__array_interface__["data"][0]
    return begin, begin + array.nbytes
