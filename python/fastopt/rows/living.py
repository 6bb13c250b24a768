"""The rows of a parameter that a step without their gradient could change."""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 1 << 20  # elements that are looked at at a time

Arrays = Mapping[str, NDArray[Any]]


class Living:
    """A bool for each row, and when that was known: of which states, after how many steps.

    Rows that are taken for living and rest cost time alone.
    """

    def __init__(self, mask: NDArray[Any], states: Arrays, t: int) -> None:
        self.mask = mask
        self.t = t
        self._states = [weakref.ref(array) for array in states.values()]

    def is_of(self, states: Arrays, t: int) -> bool:
        """Return whether these are the states, and have been stepped no more than this knows."""
        now = list(map(id, states.values()))
        return self.t == t and [id(each()) for each in self._states] == now


def living_rows(states: Arrays, beginnings: Sequence[float], rows: int) -> NDArray[Any]:
    """Find the rows of which a state is not, bit for bit, what it begins with."""
    mask = np.zeros(rows, np.bool_)
    for array, number in zip(states.values(), beginnings, strict=True):
        if not array.size:
            continue
        bits = np.dtype(f"u{array.itemsize}")
        flat = array.reshape(rows, -1).view(bits)
        begins = np.array(number, array.dtype).view(bits)
        length = max(1, PIECE // flat.shape[1])
        for begin in range(0, rows, length):
            piece = slice(begin, begin + length)
            mask[piece] |= (flat[piece] != begins).any(axis=1)
    return mask
