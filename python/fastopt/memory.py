"""Where optimizer state lies in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes of a cache line
LARGE = 1 << 16  # bytes from which arrays may each begin at the same place in a page
STAGGER = 1024 + LINE


def state_beside(p: NDArray[Any], fill: Any, number: int) -> NDArray[Any]:
    """Allocate state number 0, 1, ... of a parameter: its shape, dtype and order, filled.

    State begins at the parameter's own phase within a cache line, so that the kernels can go line by
    line through all of them at once. Large arrays all begin at the same offset in their page, and a
    processor that compares the low bits of addresses takes them for each other; they are staggered.
    """
    phase = p.ctypes.data % LINE
    shift = phase + (STAGGER * (number + 1) if p.nbytes >= LARGE else 0)
    raw = np.zeros(p.nbytes + shift + LINE, np.uint8)
    start = -raw.ctypes.data % LINE + shift
    flat = raw[start : start + p.nbytes].view(p.dtype)
    state = flat.reshape(p.shape, order="C" if p.flags.c_contiguous else "F")
    if not (np.isscalar(fill) and fill == 0):
        state[...] = fill
    return state
