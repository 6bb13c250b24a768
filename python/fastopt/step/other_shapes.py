"""States that have not the shape of their parameter, and arrays that are changed as a whole."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Reduced, of_the_gradient
from fastopt.model import Change, Group, Row
from fastopt.runtime import get_num_threads
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest


class OtherShapes:
    """The states of a step that have not the shape of their parameter: made beside what there is."""

    def __init__(self, bound: Bound, due: StepRequest, groups: Sequence[Group]) -> None:
        self._bound, self._groups = bound, groups
        self._rules = [bound.rules[group] for group in bound.parameters.group_of]
        self._kept: dict[int, dict[str, NDArray[Any]]] = {}
        # Of those that take part, the ones that are reduced.
        self._reduced = [
            i
            for i, (rule, g, p) in enumerate(
                zip(self._rules, due.gradients, bound.parameters.arrays, strict=True)
            )
            if rule.reduced and g is not None and p.size
        ]

    def factor(self, number: int, rows: Sequence[Row | None], used: Sequence[int]) -> None:
        """Reduce each parameter to the shapes of what is spread over it, and let that be set anew.

        `number` is that of the reduction, 1 or 2; or 0, to set what is spread for the first.
        """
        bound = self._bound
        members = [i for i in self._reduced if len(self._rules[i].reduced) >= number]
        if not members:
            return
        into: list[list[NDArray[np.float64]]] = [[] for _ in self._rules]
        if number > 0:
            for i in members:
                into[i] = [np.zeros(each.size) for each in bound.spreads[i]]
            looks = [row and (of_the_gradient(row[0]), row[1]) for row in rows]
            bound.plan.reduce(number - 1, looks, get_num_threads(), used, into)
        with np.errstate(all="ignore"):
            for i in members:
                row = rows[used[i]]
                if row is not None:
                    self._factor(i, number, row, into[i])

    def _factor(self, i: int, number: int, row: Row, sums: Sequence[NDArray[np.float64]]) -> None:
        group, p = self._groups[i], self._bound.parameters.arrays[i]
        spreads = dict(zip(self._rules[i].spread, self._bound.spreads[i], strict=True))
        order: Any = "C" if p.flags.c_contiguous else "F"
        named = {
            name: found.reshape(each.shape, order=order)
            for found, (name, each) in zip(sums, spreads.items(), strict=False)
        }
        found_here = Reduced(number, self._t(i), p.size, named, self._of(i), spreads)
        group.kind.factor(group.h, row[1], found_here)

    def change_whole(self, i: int, row: Row) -> None:
        """Change what a direction has returned for a parameter, as a whole."""
        group, u = self._groups[i], self._bound.scratches[i]
        assert u is not None
        if not u.size:  # no matrix
            return
        with np.errstate(all="ignore"):
            name = (self._bound.parameters.names[i],) if group.kind.takes_name else ()
            group.kind.whole(group.h, row[1], self._t(i), u, self._of(i), *name)

    def changes(self) -> list[Change]:
        """List what becomes of the states."""
        found: list[Change] = []
        for i, kept in self._kept.items():
            for name, new in kept.items():
                state = self._bound.states[i][name]
                contents = np.empty_like(state)
                contents[...] = new
                found.append((state, None, contents))
        return found

    def spoilt(self) -> str:
        """Return what would become infinite or NaN that is not; nothing where all is well."""
        for i, kept in self._kept.items():
            for name, new in kept.items():
                state = self._bound.states[i][name]
                with np.errstate(over="ignore"):  # as it is when it has been written
                    bad = ~np.isfinite(new.astype(state.dtype)) & np.isfinite(state)
                if bad.any():
                    what = f"state {name!r} of {self._bound.parameters.names[i]!r}"
                    return f"the step would make {what} infinite or NaN, though all is finite before"
        return ""

    def _t(self, i: int) -> int:
        return self._bound.counts[self._bound.count_of[i]].t + 1

    def _of(self, i: int) -> dict[str, NDArray[Any]]:
        """Copy the states of a parameter that have not its shape."""
        if i not in self._kept:
            group, p = self._groups[i], self._bound.parameters.arrays[i]
            states = self._bound.states[i]
            self._kept[i] = {name: states[name].copy() for name in group.kind.shapes(group.h, p)}
        return self._kept[i]
