"""The plan that the numba and numpy backends share: its checks and chunks are made in Python."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import NOTHING, STAGES, Rule, held, scaled_step
from fastopt.backends.protocol import (
    BOUND,
    PLAIN_PASS,
    Changes,
    Pass,
    Reduced,
    RowOf,
    Rows,
    StepProgram,
)
from fastopt.backends.python_binding import Binding, Gradient
from fastopt.backends.python_stored import Elements
from fastopt.model import Row, StepCount, make
from fastopt.numerics import (
    FloatingPointEnvironment,
    axes_of,
    block_sums,
    narrow_into,
    reduced,
)

TILE = 1 << 14  # elements of a gradient that are copied at a time, where it lies otherwise
FINISHED = 1 << 15  # elements that are updated at a time where more is done with them
MEASURED = 1 << 18  # elements of a direction that are computed at a time

Work = tuple[int, int, int]  # a parameter and its elements from ... to ...


class PythonPlan(Binding):
    """Updates the arrays chunk by chunk."""

    TAKES_PROGRAMS: ClassVar[bool] = False
    chunk: int  # elements that are updated at a time
    block_sums = staticmethod(block_sums)
    commit = staticmethod(make)

    def step(
        self,
        grads: Any,
        parameters: Any,
        counts: Sequence[StepCount],
        threads: int,
        counter: Any,
        program: StepProgram | None,
    ) -> int:
        """Take a step with nothing but the update; see the protocol."""
        assert program is None
        rows = [count.row() for count in counts]
        found = self.bind(parameters.gradients(grads), parameters.now(), False)
        if found == BOUND:
            counted = [change for count in counts for change in count.changes()]
            self.run(rows, threads, changes=[*counted, (counter, "steps", counter.steps + 1)])
        return found

    def run(
        self,
        rows: Rows,
        threads: int,
        extras: Pass | None = None,
        changes: Changes = (),
        row_of: RowOf = (),
    ) -> None:
        """Update every parameter that has a gradient; see the protocol."""
        self._row_of = row_of or self._rows
        self.sweep_all(self.scalars(rows), extras or PLAIN_PASS, threads)
        self._step_rows(rows)
        self.release()
        self.commit(changes)

    def _step_rows(self, scalars: Rows) -> None:
        """Step those rows alone that have a gradient: copied, updated, and put back."""
        for i, (rows, g) in self._of_rows.items():
            row = scalars[self._row_of[i]]
            assert row is not None
            arrays = self._arrays[i][: len(self._rules[i].states) + 1]
            copies = [a[rows] for a in arrays]
            self._run_alone(copies, self._rules[i], row, g)
            for whole, copy in zip(arrays, copies, strict=True):
                whole[rows] = copy

    def scalars(self, rows: Rows) -> Any:
        """Round the scalars of each row: once, from double. What can fail for want of a kernel does."""
        raise NotImplementedError  # pragma: no cover - each backend has its own

    def update(self, i: int, scalars: Any, g: Any, a: int, arrays: Elements) -> None:
        """Update elements of a parameter and its states, from a on, by their gradients."""
        raise NotImplementedError  # pragma: no cover - each backend has its own

    def sweep_all(self, scalars: Any, extras: Pass, threads: int) -> None:
        """Update all that is bound."""
        raise NotImplementedError  # pragma: no cover - each backend has its own

    def flush_subnormals(self, asked: bool) -> None:
        """Keep them all the same: neither NumPy nor Numba can be told."""

    def pieces(self, extras: Pass, numbers: Sequence[int]) -> list[Work]:
        """List the work of the step on some parameters, in the order of memory."""
        if len(self._gradients) != len(self._arrays):
            raise RuntimeError("a plan is bound to gradients for one step")
        alone = extras == PLAIN_PASS and not self._takes_portions
        length = self.chunk if alone else min(self.chunk, FINISHED)
        return [
            (i, begin, min(begin + length, self._arrays[i][0].size))
            for i in numbers
            if self._gradients[i] is not None or extras.average
            for begin in range(0, self._arrays[i][0].size, length)
        ]

    @property
    def _takes_portions(self) -> bool:
        return any([pair != (None, None) for pair in self._portions])

    def sums_of_squares(self, threads: int) -> list[float]:
        """Sum the squares of each gradient, on this thread."""
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            return [self._sum_of_squares(i) for i in range(len(self._arrays))]

    def _sum_of_squares(self, i: int) -> float:
        g, p = self._gradients[i], self._arrays[i][0]
        if i in self._of_rows:
            rows, values = self._of_rows[i]
            g = np.zeros_like(p)
            g[rows] = values
        if g is None:
            return 0.0
        gradient = Gradient(g, p)
        total = 0.0
        for begin in range(0, gradient.size, TILE):
            total = self._added(total, gradient.read(begin, begin + TILE))
        return total

    def _added(self, total: float, x: NDArray[Any], squares: bool = True) -> float:
        for block in self.block_sums(x, squares).tolist():
            total += block
        return total

    def run_with_sums(
        self, rows: Rows, threads: int, extras: Pass, changes: Changes, row_of: RowOf
    ) -> list[tuple[float, float]]:
        """Update on this thread, and sum; see the protocol."""
        self._row_of = row_of or self._rows
        sums = [(0.0, 0.0)] * len(self._arrays)
        work = [(i, 0, entry[0].size) for i, entry in enumerate(self._arrays)]
        self.sweep(self.scalars(rows), work, extras, sums)
        self.release()
        self.commit(changes)
        return sums

    def reduce(
        self, which: int, rows: Rows, threads: int, row_of: RowOf, into: Sequence[Reduced]
    ) -> None:
        """Run functions on copies, on this thread; see the protocol."""
        used = row_of or self._rows
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            for i, places in enumerate(into):
                row, rule = rows[used[i]], self._rules[i]
                if not len(places) or self._gradients[i] is None or row is None:
                    continue
                p = self._arrays[i][0]
                gradient = Gradient(self._gradients[i], p)
                copies = self._copies_of(i, 0, p.size)
                g = gradient.read(0, p.size)
                copies, _ = self._looked(copies, rule.reductions[which], row, g)
                spreads = self._spreads[i]
                found = reduced(copies[-len(spreads) :], axes_of(p, spreads), rule.largest)
                for place, values in zip(places, found, strict=True):
                    place[...] = values

    def _copies_of(self, i: int, a: int, b: int) -> list[NDArray[Any]]:
        """Copy a piece of a parameter and its states, and spread over it what is spread."""
        own = len(self._rules[i].states) - len(self._spreads[i]) + 1
        return [each.copy() for each in self.elements(i, a, b)[:own]] + self.spread_over(i, a, b)

    def spread_over(self, i: int, a: int, b: int) -> list[NDArray[Any]]:
        """Spread what broadcasts to a parameter over a piece of it."""
        p = self._arrays[i][0]
        found = [np.broadcast_to(each, p.shape) for each in self._spreads[i]]
        return [(each if p.flags.c_contiguous else each.T).flat[a:b] for each in found]

    def _looked(
        self, arrays: Sequence[NDArray[Any]], rule: Rule, row: Row, g: Any
    ) -> tuple[list[NDArray[Any]], tuple[Any, Any]]:
        """Run a rule on flat arrays, with the part of the stage before it alone.

        Returns what has become of them, and the parameter and gradient that the rule was given.
        """
        p, *states = arrays
        stage, of = row[0], p.dtype.type
        around = STAGES[stage.stage]
        p, g = around.before(p, g, type(stage)(*map(of, stage)))
        old, found = p, [p.copy(), *states]
        self._run_alone(found, rule, (NOTHING, row[1]), g)
        return found, (old, g)

    def _run_alone(self, arrays: Sequence[NDArray[Any]], rule: Rule, row: Row, g: Any) -> None:
        """Run a rule on flat arrays by a plan of their own."""
        plan = type(self)([tuple(arrays)], [rule], [0])
        plan.bind([g], None, True)
        plan.run([row], 1)

    def measure(self, rows: Rows, threads: int, row_of: RowOf) -> list[list[float]]:
        """Run the directions on copies, on this thread; see the protocol."""
        used = row_of or self._rows
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            return [self._measured(i, rows[row]) for i, row in enumerate(used)]

    def _measured(self, i: int, row: Row | None) -> list[float]:
        rule = self._rules[i].measured
        if rule is None:
            return []
        summed = self._rules[i].summed
        sums = [0.0] * (len(summed) + 1)
        if row is None or self._gradients[i] is None:
            return sums
        gradient = Gradient(self._gradients[i], self._arrays[i][0])
        for begin in range(0, gradient.size, MEASURED):
            piece = self.elements(i, begin, begin + MEASURED)[0]
            copies = self._copies_of(i, begin, begin + MEASURED)
            copies += [np.zeros_like(piece) for _ in range(len(rule.states) + 1 - len(copies))]
            copies, _ = self._looked(copies, rule, row, gradient.read(begin, begin + MEASURED))
            if self._rules[i].scratch:
                self._flat[i][len(self._rules[i].kept) + 1][begin : begin + MEASURED] = copies[0]
            for k, what in enumerate(summed):
                if what:
                    sums[k] = self._added(sums[k], copies[k], what == "squares")
            if self._rules[i].weighs:
                sums[-1] = self._added(sums[-1], piece)
        return sums

    def agreements(self, rows: Rows, threads: int, row_of: RowOf) -> list[float]:
        """Run the rules on copies, on this thread; see the protocol."""
        used = row_of or self._rows
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            return [self._agreements(i, rows[row]) for i, row in enumerate(used)]

    def _agreements(self, i: int, row: Row | None) -> float:
        if row is None or self._gradients[i] is None:
            return 0.0
        gradient, count = Gradient(self._gradients[i], self._arrays[i][0]), 0
        for begin in range(0, gradient.size, MEASURED):
            copies, g = (
                self._copies_of(i, begin, begin + MEASURED),
                gradient.read(begin, begin + MEASURED),
            )
            (p, *_), (old, g) = self._looked(copies, self._rules[i], row, g)
            count += int(np.count_nonzero((old - p) * g > 0))
        return float(count)

    def sweep(
        self,
        scalars: Any,
        work: Sequence[Work],
        extras: Pass,
        sums: list[tuple[float, float]] | None = None,
    ) -> None:
        """Update some pieces. Several threads may do so at once, each with pieces of its own."""
        # Here, as every thread has its own.
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            for piece in work:
                self._sweep(scalars, piece, extras, sums)

    def _sweep(
        self, scalars: Any, piece: Work, extras: Pass, sums: list[tuple[float, float]] | None
    ) -> None:
        i, begin, end = piece
        g, stored = self._gradients[i], self._stored[i]
        gradient = None if g is None else Gradient(g, self._arrays[i][0])
        length = self.chunk if gradient is None or gradient.is_view else TILE
        for a in range(begin, end, length):
            b = min(a + length, end)
            arrays = self.elements(i, a, b)
            p = arrays[0]
            kept = gradient is not None and (sums is not None or self._portions[i] != (None, None))
            before = p.copy() if kept else p[:0]
            if gradient is not None:
                self.update(i, scalars, gradient.read(a, b), a, arrays)
                if extras.zero:
                    gradient.zero(a, b)
                self._take_portion(i, a, p, before)
            self._finish(i, a, p, extras, before, g is not None)
            if stored is not None and gradient is not None:
                stored.write(a, arrays, extras.step)
                p = stored.read(a, b)[0]
            if sums is not None:
                update, weight = sums[i]
                if gradient is not None:
                    moved = p.astype(np.float64) - before.astype(np.float64)
                    update = self._added(update, moved)
                sums[i] = update, self._added(weight, p)

    def _take_portion(
        self, i: int, a: int, p: NDArray[Any], old: NDArray[Any], pulled: bool = False
    ) -> None:
        """Reduce a step to what the portions of a piece say; of a pull, to all or nothing."""
        scale, mask = self._portions[i]
        b = a + p.size
        if scale is not None:
            p[...] = (held if pulled else scaled_step)(p, old, scale.read(a, b))
        if mask is not None:
            p[...] = held(p, old, mask.read(a, b))

    def _finish(
        self, i: int, a: int, p: NDArray[Any], extras: Pass, old: NDArray[Any], updated: bool
    ) -> None:
        """Pull a piece towards its slow weights, and update its average and its copy."""
        number, b = p.dtype.type, a + p.size
        if updated and extras.pull and self._slow:
            slow = self._slow[i][a:b]
            slow[...] = number(extras.pull_keep) * slow + number(extras.pull_take) * p
            p[...] = slow
            self._take_portion(i, a, p, old, pulled=True)
        if extras.average and self._averages:
            average = self._averages[i][a:b]
            average[...] = number(extras.keep) * average + number(extras.take) * p
        if updated and self._copies:
            narrow_into(self._copies[i][a:b], p)
