"""Tensors as fastopt sees them: arrays over their memory, on which no mark is left.

After ``t.numpy()`` a tensor cannot be resized any more, for good; an array made here leaves it alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fastopt.arrays import overlaps_itself
from fastopt.model import as_bfloat16
from fastopt.runtime import native

Array = NDArray[Any]


class _Memory:
    """The memory of a tensor, for NumPy, which keeps this as what the array is a view of."""

    def __init__(self, t: Any) -> None:
        self.tensor = t
        dtype = _dtype_of(t)
        self.__array_interface__ = {
            "version": 3,
            "typestr": dtype.str,
            "data": (t.data_ptr(), False),
            "shape": tuple(t.shape),
            "strides": tuple([stride * dtype.itemsize for stride in t.stride()]),
        }


def _dtype_of(t: Any) -> np.dtype[Any]:
    """Return NumPy's dtype of a tensor's elements; of bfloat16 that of their bits."""
    name = str(t.dtype).removeprefix("torch.")
    return np.dtype("uint16" if name == "bfloat16" else name)


def array_of(t: Any) -> Array:
    """View the memory of a dense tensor on the processor, of a dtype that NumPy or ml_dtypes has."""
    found = np.asarray(_Memory(t)) if t.numel() else np.empty(tuple(t.shape), _dtype_of(t))
    return as_bfloat16(found) if t.dtype == torch.bfloat16 else found


def places(tensors: list[Any]) -> Any:
    """Return where tensors lie, and how: equal as long as all is as it was."""
    found = native.places(tensors) if native else None
    if found is None:
        found = [(t.data_ptr(), t.shape, t.stride(), t.dtype, t.device) for t in tensors]
    return found


def real(t: Any) -> Any:
    """View a complex tensor as pairs of real numbers, as torch does; another one is as it is."""
    return torch.view_as_real(t.detach().resolve_conj()) if t.is_complex() else t.detach()


class Form:
    """The form in which a parameter is given to fastopt, which updates contiguous arrays.

    One that lies dense in another order, such as ``channels_last``, is viewed with its axes in the
    order of its memory, where the algorithm treats each element by itself. For all others there is a
    copy beside, from which each step is written back.

    Attributes
    ----------
    array : the array that is updated
    is_plain : whether gradients are taken as they are
    """

    def __init__(self, p: Any, elementwise: bool) -> None:
        t = real(p)
        self._complex = p.is_complex()
        self._order: Sequence[int] | None = None
        self._there: Array | None = None  # of one that is copied
        self.array = array_of(t)
        flags = self.array.flags
        if not (flags.c_contiguous or flags.f_contiguous):
            order = sorted(range(t.dim()), key=lambda k: (-t.stride(k), k))
            dense = array_of(t.permute(order))
            if elementwise and dense.flags.c_contiguous:
                self.array, self._order = dense, order
            else:
                self._there, self.array = self.array, np.array(self.array, order="C")
        self.is_plain = not self._complex and self._order is None

    @property
    def overlaps(self) -> bool:
        """True where several elements of the parameter lie in one place."""
        return self._there is not None and overlaps_itself(self._there)

    @property
    def is_copied(self) -> bool:
        """True where the parameter is copied in and out."""
        return self._there is not None

    def read(self) -> None:
        """Copy the parameter in."""
        assert self._there is not None
        np.copyto(self.array, self._there)

    def write(self) -> None:
        """Copy it out."""
        if self._there is not None:
            np.copyto(self._there, self.array)

    def given(self, t: Any) -> Any:
        """View a tensor like the parameter, such as its gradient, as fastopt takes it."""
        t = real(t)
        return t if self._order is None or t.dim() != len(self._order) else t.permute(self._order)

    def taken(self, array: Array, storage: str | None = None) -> Any:
        """View an array of fastopt, such as a state, as a tensor like the parameter.

        One of which a `storage` is given has bits: those of bfloat16 are seen as such, and others as
        they are.
        """
        t = torch.from_numpy(array)
        if storage == "bfloat16":
            t = t.view(torch.bfloat16)
        if array.shape != self.array.shape:
            return t
        if self._order is not None:
            t = t.permute([self._order.index(k) for k in range(t.dim())])
        return torch.view_as_complex(t) if self._complex and storage is None else t
