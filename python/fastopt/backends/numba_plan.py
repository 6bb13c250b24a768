"""The plan of the Numba backend: one compiled call over all arrays, given their addresses.

Imported with the first plan, as it imports Numba.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise
from operator import is_
from typing import Any

import numpy as np

from fastopt.arrays import address
from fastopt.backends.numba_elementwise import compiled
from fastopt.backends.numba_reader import AT, WRITEABLE, Expected
from fastopt.backends.numba_rows import KernelRows
from fastopt.backends.numba_threads import WORTH_A_THREAD, share_out
from fastopt.backends.numba_walk import Table
from fastopt.backends.protocol import PLAIN_PASS, GradientForms, Pass, Rows
from fastopt.backends.python_binding import Gradient
from fastopt.backends.python_plan import PythonPlan
from fastopt.backends.python_stored import Elements
from fastopt.numerics import BLOCK, LANES, FloatingPointEnvironment, check_environment, computed


class NumbaPlan(PythonPlan):
    """Sweeps dense gradients whole, and what else there is in pieces; large work in several threads."""

    chunk = 1 << 19  # large enough for a call to cost nothing beside it

    def __init__(self, *bound: Any) -> None:
        super().__init__(*bound)
        self._params = [entry[0] for entry in self._arrays]
        self._table = Table(self._flat)
        dtypes = [computed(p.dtype) for p in self._params]
        self._kernels = KernelRows(dtypes, self._rules, self._table.lines)

    def references(self) -> Iterator[Iterable[Any]]:
        """List all that it refers to, once for each reference."""
        yield from super().references()
        yield self._params

    def _watch(self) -> None:
        super()._watch()
        watched = [(a, i) for i, entry in enumerate(self._arrays) for a in entry]
        for i, placements in enumerate(self._placements):
            watched += [(each.owner, i) for each in placements if each.owner is not None]
        self._parameter_of = [i for _, i in watched]
        self._fixed = Expected([a for a, _ in watched])
        self._dense = Expected([entry[0] for entry in self._arrays], self._written)
        self._gradients_at = self._dense.rows[:, AT]
        self._looked_at: Sequence[int] = ()

    def _doubtful(
        self, gradients: Sequence[Any], params: Sequence[Any] | None, taking: GradientForms
    ) -> Sequence[int]:
        """List those of which compiled code does not know that all is as it should be."""
        every = super()._doubtful(gradients, params, taking)
        others = self._dense.differing(gradients, WRITEABLE * taking.written)
        changed = self._fixed.differing()
        if changed:
            others = sorted({*others, *(self._parameter_of[k] for k in changed)})
        if params is not None and not all(map(is_, params, self._params)):
            others = every
        self._looked_at = others
        return others

    def release(self) -> None:
        """Release the gradients."""
        super().release()
        for i in self._looked_at:
            self._gradients_at[i] = 0
        self._looked_at = ()

    def scalars(self, rows: Rows) -> Any:
        """Round the scalars of each row, and find all that is compiled."""
        check_environment()
        self._given = rows
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            self._kernels.set(rows, self._row_of)

    def update(self, i: int, scalars: Any, g: Any, a: int, arrays: Elements) -> None:
        """Update elements of a parameter, from a on."""
        if self._spreads[i] or self._stored[i] is not None:
            row = self._given[self._row_of[i]]
            assert row is not None
            spread = self.spread_over(i, a, a + arrays[0].size)
            self._run_alone([*arrays, *spread], self._rules[i], row, g)
            return
        self._table.walk_one(i, g, self._kernels.lines_at, a)

    @staticmethod
    def block_sums(x: Any, squares: bool = True) -> Any:
        """Sum each block, or the squares; see `reduce`."""
        return _block_sums()(x, squares)

    def sweep_all(self, scalars: Any, extras: Pass, threads: int) -> None:
        """Update all that is bound."""
        plain = (
            extras is PLAIN_PASS or extras._replace(zero=False, backwards=False, step=0) == PLAIN_PASS
        )
        alone = plain and not (self._copies or self._takes_portions or any(self._spreads))
        alone = alone and not any(self._stored)
        pieces = self.pieces(extras, self._apart() if alone else range(len(self._arrays)))
        elements = self._table.elements
        runs = min(threads, elements // WORTH_A_THREAD)
        if runs <= 1 and alone and not pieces:
            self._walk(0, elements, extras.zero)
            return
        parts = 2 * runs if runs > 1 else 1

        def shares(count: int) -> list[tuple[int, int]]:
            edges = [count * k // parts for k in range(parts + 1)]
            return [(a, b) for a, b in pairwise(edges) if a < b]

        whole = shares(elements) if alone else []
        jobs = [partial(self._walk, a, b, extras.zero) for a, b in whole]
        jobs += [partial(self.sweep, scalars, pieces[a:b], extras) for a, b in shares(len(pieces))]
        share_out(jobs)

    def _walk(self, begin: int, end: int, zero: bool) -> None:
        with FloatingPointEnvironment():  # here, as every thread has its own
            self._table.walk(*self._dense.places, self._kernels.lines_at, begin, end, zero)

    def _apart(self) -> list[int]:
        """List the parameters with gradients that cannot be swept as they lie."""
        found = []
        for i in self._looked_at:
            g = self._gradients[i]
            if g is None:
                self._gradients_at[i] = 0
            elif g.flags.aligned and Gradient(g, self._params[i]).is_view:
                self._gradients_at[i] = address(g)
            else:
                self._gradients_at[i] = 0
                found.append(i)
        return found


@cache
def _block_sums() -> Any:
    """Compile the sums of `reduce`."""

    def block_sums(x: Any, squares: Any) -> Any:  # pragma: no cover - compiled
        sums = np.empty((x.size + BLOCK - 1) // BLOCK)
        lanes = np.empty(LANES)
        for block in range(sums.size):
            lanes[:] = 0.0
            piece = x[block * BLOCK : (block + 1) * BLOCK]
            whole = piece.size // LANES * LANES
            for begin in range(0, whole, LANES):
                for k in range(LANES):
                    value = np.float64(piece[begin + k])
                    lanes[k] += value * value if squares else value
            for i in range(whole, piece.size):
                value = np.float64(piece[i])
                lanes[i - whole] += value * value if squares else value
            half = LANES // 2
            while half > 0:
                for k in range(half):
                    lanes[k] += lanes[k + half]
                half //= 2
            sums[block] = lanes[0]
        return sums

    return compiled(block_sums)
