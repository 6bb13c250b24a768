"""Directions: what is measured of a step before it is taken, and the scalars that follow from it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastopt.algorithm import Algorithm, Measured, Rule, Values, kept_before, of_the_gradient
from fastopt.model import Change, Group, Row
from fastopt.numerics import total
from fastopt.runtime import get_num_threads
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest

_SQUARES = (("p", "squares"),)

Rows = Sequence[Row | None]


def measuring(row: Row) -> Row:
    """Return the row that a direction is measured with: without what a stage does to the parameter."""
    return of_the_gradient(row[0]), row[1]


def measured(rule: Rule, row: Row, sums: Sequence[float], size: int, loss: float) -> Measured:
    """Name what was measured of a parameter."""
    weight = math.sqrt(sums[-1]) * kept_before(row[0])
    if rule.sums == _SQUARES:  # quick, for many parameters
        return Measured(math.sqrt(sums[0]), weight, size)
    assert rule.measured is not None
    named = {
        name: value
        for name, value, what in zip(("p", *rule.measured.states), sums, rule.summed, strict=False)
        if what
    }
    squares = dict(rule.sums).get("p") == "squares"
    return Measured(math.sqrt(sums[0]) if squares else math.nan, weight, size, named, loss)


def together(found: Sequence[Measured]) -> Measured:
    """Add up what was measured of several parameters."""
    return Measured(
        math.sqrt(total([each.direction * each.direction for each in found])),
        math.sqrt(total([each.weight * each.weight for each in found])),
        sum([each.size for each in found]),
        {name: total([each.sums[name] for each in found]) for name in found[0].sums},
        found[0].loss,
    )


def between(
    kind: type[Algorithm],
    h: Values,
    row: Row,
    found: Measured,
    carried: Values | None,
) -> Row:
    """Compute the row of a parameter, and what it carries on, from what was measured of it."""
    own = kind.carries_norms or kind.measures_all
    more = (carried,) if own and carried is not None else ()
    return row[0], kind.between(h, row[1], found, *more)


def rows_of_measured(
    bound: Bound, due: StepRequest, rows: Rows, row_of_each: Sequence[int]
) -> tuple[Rows, Sequence[int], list[Change]]:
    """Compute rows from what is measured of each parameter, or of all; and what is carried on then.

    Returns the rows, which of them each parameter uses, and what changes.
    """
    sums = bound.plan.measure([row and measuring(row) for row in rows], get_num_threads(), row_of_each)
    used = row_of_each or bound.count_of
    groups = [bound.groups[group] for group in bound.parameters.group_of]
    found: list[Row | None] = list(rows)
    each: list[Measured | None] = []
    numbers, changes = list(used), list[Change]()
    for i, (number, group, p) in enumerate(zip(used, groups, bound.parameters.arrays, strict=True)):
        row, rule = rows[number], bound.rules[bound.parameters.group_of[i]]
        each.append(None)
        if row is None or rule.direction is None:
            continue
        look = measured(rule, row, sums[i], p.size, due.loss or 0.0)
        if group.kind.scratch and due.gradients[i] is not None:
            changes += _changed_as_a_whole(bound, i, group, row)
        if group.kind.measures_all:
            each[i] = look if due.gradients[i] is not None else None
            continue
        numbers[i] = len(found)
        count = bound.counts[bound.count_of[i]]
        found.append(between(group.kind, group.h, row, look, count.pending))
    carried: Mapping[str, Mapping[str, float]] = bound.progress.carried
    for kind in {group.kind: None for group in groups if group.kind.measures_all}:
        members = [i for i, group in enumerate(groups) if group.kind is kind and each[i] is not None]
        if members:
            carried = {**carried, kind.__name__: _of_all(kind, groups, members, used, each, found)}
    return found, numbers, [*changes, (bound.progress, "carried", carried)]


def _changed_as_a_whole(bound: Bound, i: int, group: Group, row: Row) -> list[Change]:
    """Let an algorithm change what its direction has returned; list what becomes of other states."""
    states, u = bound.states[i], bound.scratches[i]
    assert u is not None
    shapes = group.kind.shapes(group.h, u)
    kept = {name: states[name].copy() for name in shapes}
    with np.errstate(all="ignore"):
        group.kind.whole(group.h, row[1], bound.counts[bound.count_of[i]].t + 1, u, kept)
    fresh = {name: np.empty_like(states[name]) for name in shapes}
    for name, array in fresh.items():
        array[...] = kept[name]
    return [(states[name], None, array) for name, array in fresh.items()]


def _of_all(
    kind: type[Algorithm],
    groups: Sequence[Group],
    members: Sequence[int],
    used: Sequence[int],
    each: Sequence[Measured | None],
    found: list[Row | None],
) -> dict[str, float]:
    """Put rows in place that follow from what was measured of all members; return what is carried."""
    all_of_them = together([look for look in map(each.__getitem__, members) if look is not None])
    first, row = groups[members[0]], found[used[members[0]]]
    assert row is not None
    carried = first.carried
    kind.adapt(first.h, row[1], all_of_them, carried)
    for number, group in _distinct((used[i], groups[i]) for i in members):
        row = found[number]
        assert row is not None
        found[number] = between(kind, group.h, row, all_of_them, carried)
    return dict(vars(carried))


def _distinct(pairs: Iterable[tuple[int, Group]]) -> Any:
    return dict(pairs).items()
