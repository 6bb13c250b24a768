"""Gradients of tied arrays, added: what looks at gradients finds one for each parameter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import checks, flat, viewed
from fastopt.model.places import Places
from fastopt.numerics import FloatingPointEnvironment, computed, read


class GradientSums:
    """The sums, in arrays that lie as their parameters do and are kept from step to step."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._sums: dict[int, NDArray[Any]] = {}  # by the number of the parameter

    def of(self, gradients: Sequence[Any], casts: bool) -> Sequence[Any]:
        """Return of gradients for all places those for each parameter.

        Those of tied places are added in their order and in the dtype of the parameter; None adds
        nothing. Raises TypeError or ValueError for one that does not fit its place.
        """
        places = self._places
        if not places.later:
            return gradients
        found = places.of_parameters(list(gradients))
        for i, tied in places.several.items():
            given = [(k, self._read(k, gradients[k], casts)) for k in tied if gradients[k] is not None]
            found[i] = self._sum(i, given) if given else None
        return found

    def _read(self, k: int, g: Any, casts: bool) -> NDArray[Any]:
        what, there = f"the gradient of {self._places.names[k]!r}", self._places.arrays[k]
        g = viewed(g, what)
        checks.check_gradient(g, what, there, casts)
        found: NDArray[Any] = g
        return found

    def _sum(self, i: int, given: Sequence[tuple[int, NDArray[Any]]]) -> NDArray[Any]:
        """Add by the order of memory, in which all places have their elements alike."""
        arrays = self._places.arrays
        p = arrays[self._places.firsts[i]]
        if i not in self._sums:
            self._sums[i] = np.empty_like(p, computed(p.dtype))
        total = flat(self._sums[i], p)
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            for n, (k, g) in enumerate(given):
                addend = flat(read(g, computed(p.dtype)), arrays[k])
                if n:
                    np.add(total, addend, out=total)
                else:
                    total[...] = addend  # and not 0 + addend: -0.0 keeps its sign
        return self._sums[i]
