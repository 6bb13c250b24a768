"""Copies of the parameters in 16 bits, which the sweep writes: what ``cast_to=`` is given."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Extents, Named, check_kind, check_layout
from fastopt.model import Change, Parameters
from fastopt.numerics import FloatingPointEnvironment, format_of_copy, narrow_into


class Copies:
    """One array for each parameter, of float16, or of bfloat16 or its bits."""

    def __init__(self, given: Any, parameters: Parameters) -> None:
        remedy = "give an array of ml_dtypes.bfloat16, np.float16 or np.uint16 for each parameter"
        leaves = parameters.leaves_of(given, "cast_to", remedy)
        self.arrays: list[NDArray[Any]] = []
        self.named: list[Named] = []
        for name, p, copy in zip(parameters.names, parameters.arrays, leaves, strict=True):
            what = f"the copy of {name!r} in cast_to"
            check_kind(copy, what)
            if format_of_copy(copy.dtype) is None:
                raise TypeError(
                    f"{what} has dtype {copy.dtype}; {remedy} (np.uint16 holds the bits of bfloat16)"
                )
            check_layout(copy, what, p, f"np.zeros_like(p, dtype={copy.dtype.name!r})")
            self.arrays.append(copy)
            self.named.append((what, copy))
        Extents([*parameters.named(), *self.named]).check_disjoint()
        self.fresh = True  # no step has been taken since all were written

    def begin(self, parameters: Sequence[NDArray[Any]], gradients: Sequence[Any]) -> list[Change]:
        """Write what the first step does not write; list what changes when it is taken."""
        self._write([i for i, g in enumerate(gradients) if g is None], parameters)
        return [(self, "fresh", False)]

    def write(self, parameters: Sequence[NDArray[Any]]) -> None:
        """Write the copies of all parameters as they are now."""
        self.fresh = True
        self._write(range(len(self.arrays)), parameters)

    def _write(self, which: Iterable[int], parameters: Sequence[NDArray[Any]]) -> None:
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            for i in which:
                narrow_into(self.arrays[i], parameters[i])
