"""Where optimizer state lies in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes of a cache line
LARGE = 1 << 16  # bytes from which arrays may each begin at the same place in a page
STAGGER = 1024 + LINE
BLOCK = 1 << 20  # bytes that small arrays share at most


class Room:
    """Gives memory to states.

    Small ones share blocks: a step looks whether the owner of their memory still has it, and one owner
    for each of a thousand is as much to look at as the states themselves. A block is never larger than
    all before it together.
    """

    def __init__(self) -> None:
        self._block = np.zeros(0, np.uint8)
        self._used = 0  # bytes of this block
        self._given = 0  # of all

    def beside(self, p: NDArray[Any], fill: Any, number: int) -> NDArray[Any]:
        """Allocate state number 0, 1, ... of a parameter: its shape, dtype and order, filled.

        State begins at the parameter's own phase within a cache line, so that the kernels can go line
        by line through all of them at once. Large arrays all begin at the same offset in their page,
        and a processor that compares the low bits of addresses takes them for each other; they are
        staggered.
        """
        large = p.nbytes >= LARGE
        shift = p.ctypes.data % LINE + (STAGGER * (number + 1) if large else 0)
        nbytes = p.nbytes + shift + LINE
        raw = np.zeros(nbytes, np.uint8) if large else self._share(nbytes)
        start = -raw.ctypes.data % LINE + shift
        flat = raw[start : start + p.nbytes].view(p.dtype)
        state = flat.reshape(p.shape, order="C" if p.flags.c_contiguous else "F")
        if not (np.isscalar(fill) and fill == 0):
            state[...] = fill
        return state

    def _share(self, nbytes: int) -> NDArray[np.uint8]:
        if self._block.nbytes - self._used < nbytes:
            self._block = np.zeros(max(nbytes, min(self._given, BLOCK)), np.uint8)
            self._used = 0
        begin = self._used
        self._used += nbytes
        self._given += nbytes
        return self._block[begin : self._used]
