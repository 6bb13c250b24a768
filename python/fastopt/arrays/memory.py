"""The place of an array's elements in memory."""

from collections.abc import Callable
from typing import Any

from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from fastopt.runtime import native

Named = tuple[str, NDArray[Any]]  # what messages call an array, and the array


def address_in_python(array: NDArray[Any]) -> int:
    """Return where the first element lies."""
    found: int = array.__array_interface__["data"][0]
    return found


# NumPy makes a dict for it, which takes forty times as long.
address: Callable[[NDArray[Any]], int] = native.address if native else address_in_python


def bounds(array: NDArray[Any]) -> tuple[int, int]:
    """Return where the bytes of an array begin and end, whatever lies between its elements."""
    if array.flags.forc:
        begin = address(array)
        return begin, begin + array.nbytes
    return byte_bounds(array)


def flat(array: NDArray[Any], like: NDArray[Any] | None = None) -> NDArray[Any]:
    """View a contiguous array as a vector in the order of its memory, or of that of another."""
    like = array if like is None else like
    return (array if like.flags.c_contiguous else array.T).reshape(-1)


def shaped(vector: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """View a vector in the shape and the order of memory of a contiguous array."""
    if like.flags.c_contiguous:
        return vector.reshape(like.shape)
    return vector.reshape(like.shape[::-1]).T
