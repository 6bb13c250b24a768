"""Parameters that take part in a step, as one vector of float64."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Flat:
    """The order of all elements: array by array, each in the order of its indices."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self.arrays = arrays
        self._ends = [*accumulate([p.size for p in arrays], initial=0)]

    def vector(self, arrays: Iterable[Array | None]) -> Array:
        """Join arrays in the shapes of these; None counts as zeros."""
        pairs = zip(arrays, self.arrays, strict=True)
        parts = [np.zeros(p.size) if a is None else np.ravel(a) for a, p in pairs]
        return np.concatenate([np.zeros(0), *parts])

    def parts(self, x: Array) -> list[Array]:
        """Divide a vector into arrays in the shapes of these."""
        pairs = zip(pairwise(self._ends), self.arrays, strict=True)
        return [x[begin:end].reshape(p.shape) for (begin, end), p in pairs]

    def as_held(self, x: Array) -> list[Array]:
        """Divide a vector likewise, rounded to the dtypes of these."""
        pairs = zip(self.parts(x), self.arrays, strict=True)
        return [part.astype(p.dtype) for part, p in pairs]
