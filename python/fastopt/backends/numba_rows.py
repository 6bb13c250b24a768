"""The rows of a step as compiled code reads them: scalars, rounded once, and their kernels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Rule, agreement
from fastopt.arrays import address
from fastopt.backends.numba_kernel import OF_STAGE, kernel
from fastopt.backends.numba_walk import KERNEL, OF_KERNEL
from fastopt.backends.protocol import RowOf, Rows
from fastopt.numerics import SUPPORTED

KINDS = len(SUPPORTED)


class KernelRows:
    """Of each row, for each dtype, a line of addresses: of the kernel, and of two runs of scalars."""

    def __init__(self, dtypes: Sequence[Any], rules: Sequence[Rule], table: NDArray[np.intp]) -> None:
        """Write the numbers of the kernels of all parameters into a table of `walk`."""
        self._kinds = [SUPPORTED.index(dtype) for dtype in dtypes]
        self._rules, self._table = rules, table
        self._row_of: RowOf = ()
        self._used: dict[int, Rule] = {}  # by the number of the line
        self._known: list[Any] = []  # by line: the stage, the type of the coefficients, ...
        self._shape = (0, 0)
        self.lines_at = 0

    def set(self, rows: Rows, row_of: RowOf) -> None:
        """Set the rows of a step, before anything is written: a kernel may be missing."""
        most = max((len(row[1]) for row in rows if row), default=0)
        if len(rows) > self._shape[0] or most > self._shape[1]:
            self._make_room(len(rows), most)
        if row_of is not self._row_of:
            numbers = [row * KINDS + kind for row, kind in zip(row_of, self._kinds, strict=True)]
            self._table[:, KERNEL] = numbers
            self._used = dict(zip(numbers, self._rules, strict=True))
            self._row_of = row_of
        for number, rule in self._used.items():
            row = rows[number // KINDS]
            if row is None:
                continue
            (stage, *around), given = row
            agrees = agreement(row[0].agree)
            if self._known[number] != (stage, type(given), rule, agrees):
                of_its_own = rule._replace(coefficients=type(given))
                found = kernel(of_its_own, int(stage), SUPPORTED[number % KINDS], agrees)
                self._lines[number, 0] = found.address
                self._known[number] = (stage, type(given), rule, agrees)
            line = self._scalars[number % KINDS][number // KINDS]
            line[: OF_STAGE + len(given)] = (*around, *given)

    def _make_room(self, rows: int, coefficients: int) -> None:
        every = [np.zeros((rows, OF_STAGE + coefficients), dtype) for dtype in SUPPORTED]
        lines = np.zeros((rows * KINDS, OF_KERNEL), np.intp)
        for kind, scalars in enumerate(every):
            at = address(scalars) + np.arange(rows) * scalars.strides[0]
            lines[kind::KINDS, 1] = at
            lines[kind::KINDS, 2] = at + OF_STAGE * scalars.itemsize
        lines_at, known = address(lines), [None] * (rows * KINDS)
        # All at once, whatever a signal's handler raises.
        self._scalars, self._lines, self.lines_at, self._known = every, lines, lines_at, known
        self._shape = (rows, coefficients)
