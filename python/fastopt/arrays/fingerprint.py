"""The place of an array and the owner of its memory, to see at each step that they are the same."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays.memory import address


def chain(array: Any) -> Iterator[Any]:
    """Yield an array, what it is a view of, and so on to the object whose memory it is."""
    while array is not None:
        yield array
        if isinstance(array, np.ndarray):
            array = array.base
        elif isinstance(array, memoryview):
            array = _exporter(array)
        else:  # as_strided puts an object in between
            base = getattr(array, "base", None)
            array = base if isinstance(base, np.ndarray) else None


def _exporter(view: memoryview) -> Any:
    try:
        return view.obj
    except ValueError:  # released
        return None


def _owner(array: NDArray[Any]) -> NDArray[Any] | None:
    """Find the array that owns the memory of a view; csrc/python/bound_array.hpp does the same."""
    if array.flags.owndata:
        return None
    base: Any = array.base
    if type(base) is np.ndarray and base.flags.owndata:  # as nearly always: for speed alone
        return base
    for link in chain(array):
        if isinstance(link, np.ndarray) and link.flags.owndata:
            return None if link is array else link
    return None


class Fingerprint:
    """An array as it was when it was bound: address, shape, dtype, order, and its owner's memory."""

    __slots__ = ("_memory", "_was", "owner")

    def __init__(self, array: NDArray[Any]) -> None:
        self.owner = _owner(array)
        self._memory = self._of_owner()
        self._was = _placed(array)

    def unchanged(self, array: NDArray[Any]) -> bool:
        """Return whether the array is still as it was, and can still be written."""
        return (
            array.flags.writeable and _placed(array) == self._was and self._of_owner() == self._memory
        )

    def check(self, array: NDArray[Any], what: str) -> None:
        """Raise TypeError or ValueError, which say what has changed, if it is not."""
        since = "since the optimizer was made"
        place, shape, dtype, orders = self._was
        if array.dtype != dtype:
            raise TypeError(
                f"{what} has been given dtype {array.dtype}, another than {dtype}, {since}; give "
                "it back, or make a new optimizer"
            )
        if array.shape != shape:
            raise ValueError(
                f"{what} has been given another shape, {array.shape} for {shape}, {since}; give "
                "it back, a.shape = ..., or make a new optimizer"
            )
        if _placed(array)[-1] != orders:
            raise ValueError(
                f"{what} has been given other strides, {array.strides}, {since}; give them back, or "
                "make a new optimizer"
            )
        if not array.flags.writeable:
            raise ValueError(
                f"{what} is read-only; it is updated in place: allow it, a.setflags(write=True)"
            )
        if address(array) != place:
            raise ValueError(
                f"{what} has been given other memory {since}; write into the array, a[...] = x, and "
                "make a new optimizer"
            )
        if self._of_owner() != self._memory:
            raise ValueError(
                f"the array that {what} is a view of has been given other memory {since}, and the view "
                "points to what is gone; make a new optimizer of new arrays"
            )

    def _of_owner(self) -> tuple[int, int] | None:
        return None if self.owner is None else (address(self.owner), self.owner.nbytes)


def _placed(array: NDArray[Any]) -> tuple[int, tuple[int, ...], np.dtype[Any], tuple[bool, bool]]:
    flags = array.flags
    return address(array), array.shape, array.dtype, (flags.c_contiguous, flags.f_contiguous)
