"""Numbers to round by: a hash of what is rounded, the same on every backend.

csrc/kernels/storage.hpp and csrc/plan/stored.cpp are the same in C++. All arithmetic is of 32 bits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MASK = 0xFFFFFFFF
_EACH, _FIRST, _SECOND = 0x9E3779B1, 0x7FEB352D, 0x846CA68B


def noise(seed: int, step: int, number: int, begin: int, n: int) -> NDArray[np.uint32]:
    """Return 32 bits for each of n elements from `begin` on.

    `seed` is of the parameter, `step` the number of steps taken before, `number` that of the noise.
    """
    counter = np.arange(begin & _MASK, (begin & _MASK) + n, dtype=np.uint64).astype(np.uint32)
    x = counter * np.uint32(_EACH) ^ np.uint32(_key(seed, step, number, begin >> 32))
    x ^= x >> np.uint32(16)
    x *= np.uint32(_FIRST)
    x ^= x >> np.uint32(15)
    x *= np.uint32(_SECOND)
    x ^= x >> np.uint32(16)
    return x


def _key(seed: int, step: int, number: int, high: int) -> int:
    found = _mixed(seed & _MASK ^ number)
    for each in (seed >> 32, step & _MASK, step >> 32, high):
        found = _mixed(found ^ each)
    return found


def _mixed(x: int) -> int:
    x ^= x >> 16
    x = x * _FIRST & _MASK
    x ^= x >> 15
    x = x * _SECOND & _MASK
    return x ^ x >> 16


Half = NDArray[Any] | None  # 16 random bits for each element; None to round to nearest
