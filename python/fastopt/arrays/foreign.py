"""Gradients in arrays of other libraries, read where they lie."""

import sys
from typing import Any

import numpy as np

from fastopt.arrays.kinds import has_units, kind_of

# Devices of DLPack whose memory the processor reads: kDLCPU, kDLCUDAHost, kDLROCMHost, kDLCUDAManaged.
READABLE = (1, 3, 11, 13)


def is_arraylike(thing: Any) -> bool:
    """Return whether it is an array, or can say how it is one."""
    return hasattr(type(thing), "__dlpack__") or hasattr(type(thing), "__array__")


def is_spelled_out(dtype: np.dtype[Any]) -> bool:
    """Return whether a native dtype says its byte order, as of buffers: the kernels know no such."""
    return dtype.isnative and dtype.byteorder in "<>"


def viewed(g: Any, what: str) -> Any:
    """View a gradient as a NumPy array, without a copy.

    What is one already, and what is no array at all, is given back as it is. Raises TypeError for an
    array of another library that lies on another device, or that only a copy can show.
    """
    if type(g) is np.ndarray and g.dtype.kind == "f" and is_spelled_out(g.dtype):
        return g.view(g.dtype.type)
    if g is None or isinstance(g, (np.ndarray, np.flatiter)) or has_units(g) or not is_arraylike(g):
        return g
    if isinstance(g, np.generic):  # which NumPy's arithmetic makes of arrays without axes
        return np.asarray(g)
    try:
        return _read(g)
    except Exception as error:  # whatever the other library raises
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise TypeError(
            f"{what} is a {kind_of(g)}, which cannot be read where it lies ({reason}): pass {_line(g)}"
        ) from error


def _read(g: Any) -> Any:
    """View it in one of the two ways; raise what the first has raised where both do."""
    if not hasattr(type(g), "__dlpack__"):
        return np.asarray(g, copy=False)
    if g.__dlpack_device__()[0] not in READABLE:
        raise BufferError("it is on another device")
    try:
        if str(getattr(g, "dtype", "")) == "torch.bfloat16":
            return _of_bfloat16(_plain(g))
        return np.from_dlpack(_plain(g))
    except Exception:
        try:  # DLPack does not know all dtypes: bfloat16
            return np.asarray(g, copy=False)
        except Exception:
            pass
        raise


def _of_bfloat16(t: Any) -> Any:
    """View a tensor of numbers that NumPy does not know, by way of their bits."""
    from ml_dtypes import bfloat16

    return np.from_dlpack(t.view(sys.modules["torch"].int16)).view(bfloat16)


def _plain(g: Any) -> Any:
    """Return a tensor of torch without its history; raise where its memory means something else."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(g, torch.Tensor):
        return g
    if type(g) not in (torch.Tensor, torch.nn.Parameter):
        raise BufferError("a subclass may mean something else by its memory")
    if g.is_neg():
        raise BufferError("its negative is what is meant")
    return g.detach()


def _line(g: Any) -> str:
    """Find the line that makes an array which can be read."""
    if not hasattr(type(g), "detach"):
        return "g.get()" if hasattr(type(g), "get") and hasattr(type(g), "device") else "np.asarray(g)"
    return "".join(
        [
            "g",
            "" if type(g).__name__ in ("Tensor", "Parameter") else ".as_subclass(torch.Tensor)",
            ".detach()" if g.requires_grad else "",
            "" if str(g.layout) == "torch.strided" else ".to_dense()",
            ".cpu()" if g.device.type != "cpu" else "",
            ".float()" if str(g.dtype) == "torch.bfloat16" else "",
            ".resolve_conj()" if g.is_conj() else "",
            ".resolve_neg()" if g.is_neg() else "",
        ]
    )
