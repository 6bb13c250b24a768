"""What the numba and numpy backends share: a plan whose checks and chunks are made in Python."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from fastopt.backends import BOUND, SOME_ABSENT, Row
from fastopt.checks import layout
from fastopt.dtypes import SUPPORTED
from fastopt.reduce import BLOCK, block_sums
from fastopt.rules import Rule
from fastopt.stages import StageFunction, stage_for

TILE = 1 << 14  # elements of a gradient that are copied at a time, where it lies otherwise

Work = tuple[int, int, int]  # a parameter and its elements from ... to ...
Scalars = tuple[StageFunction, Any, Any]  # a stage, its scalars and those of the rule, of one dtype

AllScalars = list[dict[Any, Scalars]]  # for each row, by dtype


class PythonPlan:
    """Holds flat views of the arrays in the order of their memory."""

    chunk: int  # elements that are updated at a time
    block_sums = staticmethod(block_sums)

    def __init__(
        self,
        arrays: list[tuple[NDArray[Any], ...]],
        rules: list[Rule],
        rows: list[int],
        update: Callable[..., None],
    ) -> None:
        """Bind the arrays; ``update(rule, scalars, g, p, *states)`` updates flat pieces of them."""
        self._arrays = arrays
        self._rules = rules
        self._rows = rows
        self._update = update
        self._layouts = [[layout(a) for a in entry] for entry in arrays]
        self._flat = [tuple(_flat(a, entry[0]) for a in entry) for entry in arrays]
        self._gradients: list[Any] = []
        bounds = sorted(byte_bounds(a) for entry in arrays for a in entry if a.size)
        self._begins = [begin for begin, _ in bounds]
        self._ends = [end for _, end in bounds]

    def bind(
        self, gradients: Sequence[Any], params: Sequence[Any] | None, overlap_checked: bool
    ) -> int:
        """Take the gradients; see the protocol."""
        for i, (entry, g) in enumerate(zip(self._arrays, gradients, strict=True)):
            p = entry[0]
            if params is not None and params[i] is not p:
                return i
            if not all(a.flags.writeable for a in entry):
                return i
            if [layout(a) for a in entry] != self._layouts[i]:
                return i
            if g is None:
                continue
            if type(g) not in (np.ndarray, np.memmap) or g.dtype != p.dtype or g.shape != p.shape:
                return i
            if not overlap_checked and g.size and self._overlaps(g):
                return i
        self._gradients = list(gradients)
        return SOME_ABSENT if any(g is None for g in gradients) else BOUND

    def _overlaps(self, g: NDArray[Any]) -> bool:
        begin, end = byte_bounds(g)
        after = bisect_right(self._ends, begin)
        return after < len(self._begins) and self._begins[after] < end

    def assign(self, rows: list[int]) -> None:
        """Say anew which row each parameter uses."""
        self._rows = rows

    def pieces(self) -> list[Work]:
        """List the work of the step in the order of memory."""
        return [
            (i, begin, min(begin + self.chunk, g.size))
            for i, g in enumerate(self._gradients)
            if g is not None
            for begin in range(0, g.size, self.chunk)
        ]

    def norms(self, threads: int) -> list[float]:
        """Compute the norm of each gradient, on this thread."""
        with np.errstate(all="ignore"):
            return [0.0 if g is None else self._norm(i) for i, g in enumerate(self._gradients)]

    def _norm(self, i: int) -> float:
        gradient, alike = self._in_order(i)
        size = self._gradients[i].size
        length = size if alike else TILE // BLOCK * BLOCK
        total = 0.0
        for begin in range(0, size, max(1, length)):
            for block in self.block_sums(gradient[begin : begin + length]).tolist():
                total += block
        return math.sqrt(total)

    def _in_order(self, i: int) -> tuple[Any, bool]:
        """Give the gradient in the order of the parameter's memory, and whether slices are views."""
        g = self._gradients[i]
        p = self._arrays[i][0]
        c_order = p.flags.c_contiguous
        alike = g.flags.c_contiguous if c_order else g.flags.f_contiguous
        return _flat(g, p) if alike else (g if c_order else g.T).flat, alike

    def release(self) -> None:
        """Let go of the gradients."""
        self._gradients = []

    def scalars(self, rows: Sequence[Row | None]) -> AllScalars:
        """Round the scalars of each row to each dtype: once, from double."""
        return [{dtype: _round(row, dtype) for dtype in SUPPORTED} if row else {} for row in rows]

    def sweep(self, scalars: AllScalars, work: Sequence[Work]) -> None:
        """Update some pieces. Several threads may do so at once, each with pieces of its own."""
        for i, begin, end in work:
            gradient, alike = self._in_order(i)
            length = self.chunk if alike else TILE
            for a in range(begin, end, length):
                b = min(a + length, end)
                pieces = (flat[a:b] for flat in self._flat[i])
                s = scalars[self._rows[i]][self._arrays[i][0].dtype]
                self._update(self._rules[i], s, gradient[a:b], *pieces)


def _round(row: Row, dtype: Any) -> Scalars:
    stage, coefficients = row
    s = type(stage)(*map(dtype.type, stage))
    c = type(coefficients)(*map(dtype.type, coefficients))
    return stage_for(stage), s, c


def _flat(array: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    return (array if like.flags.c_contiguous else array.T).reshape(-1)
