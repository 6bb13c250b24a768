"""Numbers made of whole numbers alone: the same bits on every machine, whatever its math library."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def words(size: int, seed: int) -> NDArray[np.uint64]:
    """Draw 64 random bits for each element: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = np.arange(1, size + 1, dtype=np.uint64) + np.uint64(seed << 32)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return found


def values(shape: tuple[int, ...], dtype: Any, seed: int) -> Array:
    """Make floats of 1/256 to 16, of both signs, and some zeros of both: sign, exponent, mantissa."""
    info = np.finfo(dtype)
    drawn = words(int(np.prod(shape)), seed)
    mantissa = drawn & np.uint64((1 << info.nmant) - 1)
    exponent = (drawn >> np.uint64(52)) % np.uint64(12) + np.uint64(info.maxexp - 1 - 8)
    is_zero = (drawn >> np.uint64(56)) % np.uint64(32) == 0
    bits = np.where(is_zero, np.uint64(0), exponent << np.uint64(info.nmant) | mantissa)
    bits |= (drawn >> np.uint64(63)) << np.uint64(info.bits - 1)
    found: Array = bits.astype(f"u{info.bits // 8}").view(dtype).reshape(shape)
    return found


def extremes(dtype: Any, seed: int) -> Array:
    """Set every extreme of a dtype beside every other, and beside ordinary values."""
    info = np.finfo(dtype)
    ends = [0.0, info.smallest_subnormal, info.tiny, info.eps, 1.0, info.max, np.inf, np.nan]
    signed = np.array([*ends, *(-end for end in ends)], dtype)
    every: Array = np.concatenate([signed, values((len(signed),), dtype, 3)])
    return np.roll(every, 5 * seed)


def canonical(array: Array) -> bytes:
    """Give the bytes of an array in C order, little-endian, every NaN with the same bits.

    Which NaN an operation gives is the processor's choice. uint16 are the bits of bfloat16.
    """
    if array.dtype == np.uint16:
        array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    size = array.itemsize
    bits = np.ascontiguousarray(array).view(f"u{size}")
    nan = (1 << 8 * size - 1) - 1  # every bit but the sign
    return np.where(np.isnan(array), np.array(nan, bits.dtype), bits).astype(f"<u{size}").tobytes()
