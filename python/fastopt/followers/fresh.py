"""Comparison of arrays by their bytes, to see which of two has been written since they were equal."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import flat


def digest(array: NDArray[Any]) -> bytes:
    """Compute a digest of the bytes of a contiguous array."""
    import hashlib  # which takes two milliseconds to import

    return hashlib.blake2b(_words(array).data, digest_size=16).digest()


def is_like(some: NDArray[Any], other: NDArray[Any]) -> bool:
    """Find out whether two arrays have one dtype, shape and order."""
    return (
        some.dtype == other.dtype
        and some.shape == other.shape
        and some.flags.c_contiguous == other.flags.c_contiguous
        and some.flags.f_contiguous == other.flags.f_contiguous
    )


def is_same(some: NDArray[Any], other: NDArray[Any]) -> bool:
    """Find out whether two arrays that are alike have the same bytes."""
    return bool((_words(some) == _words(other)).all())


def _words(array: NDArray[Any]) -> NDArray[Any]:
    return flat(array).view(np.dtype(f"u{array.itemsize}"))
