"""Streams that are stored otherwise than they are computed in: in 16 or 8 bits, for float32.

csrc/kernels/storage.hpp is the same in C++. What loses bits is rounded to nearest, ties to even, or by
noise: 16 random bits are added to those that are cut.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.numerics.formats import from_bfloat16, to_bfloat16
from fastopt.numerics.noise import Half

Array = NDArray[Any]
BLOCK_OF_CODES = 128  # elements that share a scale
_U = np.uint32
_NAN, _ZERO = _U(0x7FC00000), np.float32(0)


class Storage(NamedTuple):
    """A way to store the elements of a stream, and what stands beside them.

    Attributes
    ----------
    bits, beside : dtype
        Of the elements, as they are kept here, and of what stands beside them; None without.
    shared : int
        The elements that share one of that.
    decoded : function of (elements, beside)
        Returns the float32 that they are.
    encoded : function of (float32 values, noise)
        Returns both anew.
    exact : bool
        Whether nothing is lost, so that nothing is rounded by noise.
    """

    name: str
    bits: np.dtype[Any]
    beside: np.dtype[Any] | None
    shared: int
    decoded: Callable[[Array, Any], Array]
    encoded: Callable[[Array, Half], tuple[Array, Any]]
    exact: bool


def _plain_nan(x: Array) -> Array:
    bits = x.view(_U)
    return np.where(x != x, (bits & _U(0x80000000)) | _NAN, bits)


def _added(bits: Array, noise: Half, cut: int) -> Array:
    """Return what is added before so many bits are cut."""
    if noise is None:
        return _U((1 << (cut - 1)) - 1) + (bits >> _U(cut) & _U(1))
    some = noise.astype(_U)
    # Their mean is that of all numbers below the last bit that stays.
    return some if cut == 16 else some << _U(cut - 16) | _U(1 << (cut - 17))


def _of_bfloat16(bits: Array, beside: Any) -> Array:
    return from_bfloat16(bits)


def _to_bfloat16(x: Array, noise: Half) -> tuple[Array, None]:
    if noise is None:
        return to_bfloat16(x), None
    bits = _plain_nan(x)
    return ((bits + _added(bits, noise, 16)) >> _U(16)).astype(np.uint16), None


def _joined(high: Array, low: Array) -> Array:
    # Nothing lies below a zero, which somebody else has written where the difference is negative.
    written = (high & np.uint16(0x7FFF) == 0) & (low < 0)
    difference = np.where(written, np.int32(0), low.astype(np.int32))
    bits = (high.astype(_U) << _U(16)) + difference.view(_U)
    found: Array = bits.view(np.float32)
    return found


def _split(x: Array, noise: Half) -> tuple[Array, Array]:
    bits = _plain_nan(x)
    high = (bits + _U(0x8000)) >> _U(16)  # half away from zero: what is lost has 16 bits, with a sign
    return high.astype(np.uint16), bits.astype(np.uint16).view(np.int16)


def _mastered(given: Array, master: Array) -> Array:
    """Return the masters, but of what has been written by others since: these numbers themselves."""
    same = master.astype(np.float16).view(np.uint16) == given.view(np.uint16)
    return np.where(same, master, given.astype(np.float32))


def _to_master(x: Array, noise: Half) -> tuple[Array, Array]:
    return x.astype(np.float16), x


_CUT = 20


class _Code(NamedTuple):
    """An offset float of 8 bits, times the scale of a block whose largest has the largest code.

    A code is the bits of a float32 from those of `smallest` on, of which those are cut that come last.
    """

    most: int
    base: int  # the bits of the smallest
    signed: bool

    @property
    def smallest(self) -> np.float32:
        return _U(self.base).view(np.float32)

    @property
    def reach(self) -> np.float32:
        return _U(self.base + (self.most << _CUT)).view(np.float32) - self.smallest

    def decoded(self, codes: Array, scales: Array) -> Array:
        size = codes.astype(_U) & _U(self.most)
        found = (_U(self.base) + (size << _U(_CUT))).view(np.float32) - self.smallest
        found *= np.repeat(scales, BLOCK_OF_CODES)[: codes.size]
        if not self.signed:
            return found
        return (found.view(_U) ^ ((codes.astype(_U) & _U(128)) << _U(24))).view(np.float32)

    def encoded(self, x: Array, noise: Half) -> tuple[Array, Array]:
        blocks = -(-x.size // BLOCK_OF_CODES)
        padded = np.zeros(blocks * BLOCK_OF_CODES, np.float32)
        padded[: x.size] = x
        largest = (padded.view(_U) & _U(0x7FFFFFFF)).reshape(blocks, -1).max(axis=1, initial=0)
        tiny, wild = largest < _U(27 << 23), largest >= _U(0x7F800000)
        most = np.where(tiny | wild, _U(127 << 23), largest).view(np.float32)  # 1 where it is not used
        scales = np.where(wild, _NAN.view(np.float32), most / self.reach)
        scales[tiny] = 0
        inverse = np.repeat(self.reach / most, BLOCK_OF_CODES)[: x.size]
        given = x.view(_U)
        size = (given & _U(0x7FFFFFFF)).view(np.float32) if self.signed else np.maximum(x, _ZERO)
        above = (size * inverse + self.smallest).view(_U) - _U(self.base)
        # Never more than the most: rounded, the largest is no more than two bits above it, and noise
        # leaves eight.
        code = (above + _added(above, noise, _CUT)) >> _U(_CUT)
        if self.signed:
            code |= given >> _U(24) & _U(128)
        code[np.repeat(tiny | wild, BLOCK_OF_CODES)[: x.size]] = 0
        return code.astype(np.uint8), scales.astype(np.float32)


_SIGNED, _UNSIGNED = _Code(127, (127 - 7) << 23, True), _Code(255, (127 - 15) << 23, False)
_8, _16, _32 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)

# In the order of csrc/kernels/storage.hpp, where "plain" stands first.
STORAGES = {
    each.name: each
    for each in (
        Storage("bfloat16", _16, None, 1, _of_bfloat16, _to_bfloat16, False),
        Storage("split", _16, np.dtype(np.int16), 1, _joined, _split, True),
        Storage("master", np.dtype(np.float16), _32, 1, _mastered, _to_master, True),
        Storage("signed8", _8, _32, BLOCK_OF_CODES, _SIGNED.decoded, _SIGNED.encoded, False),
        Storage("unsigned8", _8, _32, BLOCK_OF_CODES, _UNSIGNED.decoded, _UNSIGNED.encoded, False),
    )
}
