"""Directions: what is measured of a step before it is taken, and the scalars that follow from it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import NORMS, Algorithm, Measured, Rule, Values, kept_before, of_the_gradient
from fastopt.model import Change, Group, Row
from fastopt.numerics import total
from fastopt.runtime import get_num_threads
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest
from fastopt.step.other_shapes import OtherShapes

Rows = Sequence[Row | None]


def measuring(row: Row) -> Row:
    """Return the row that a direction is measured with: without what a stage does to the parameter."""
    return of_the_gradient(row[0]), row[1]


def measured(rule: Rule, row: Row, sums: Sequence[float], p: NDArray[Any], loss: float) -> Measured:
    """Name what was measured of a parameter."""
    before = math.sqrt(sums[-1]) if rule.weighs else math.nan
    weight = before * kept_before(row[0])
    if rule.sums == NORMS:  # quick, for many parameters
        return Measured(math.sqrt(sums[0]), weight, p.size, before, loss=loss, shape=p.shape)
    named = {name: sums[place] for name, place in rule.places.items()}
    direction = math.sqrt(sums[0]) if ("p", "squares") in rule.sums else math.nan
    return Measured(direction, weight, p.size, before, named, loss, p.shape)


def together(found: Sequence[Measured]) -> Measured:
    """Add up what was measured of several parameters."""
    return Measured(
        math.sqrt(total([each.direction * each.direction for each in found])),
        math.sqrt(total([each.weight * each.weight for each in found])),
        sum([each.size for each in found]),
        math.sqrt(total([each.before * each.before for each in found])),
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
    own = kind.carried and (kind.carries_norms or kind.measures_all)
    more = (carried,) if own and carried is not None else ()
    return row[0], kind.between(h, row[1], found, *more)


def rows_of_measured(
    bound: Bound, due: StepRequest, rows: Rows, row_of_each: Sequence[int]
) -> tuple[Rows, Sequence[int], list[Change], str]:
    """Compute rows from what is measured of each parameter, or of all; and what is carried on then.

    Returns the rows, which of them each parameter uses, what changes, and what in that speaks against
    the step where nothing may become infinite.
    """
    used = row_of_each or bound.count_of
    groups = [bound.groups[group] for group in bound.parameters.group_of]
    others = OtherShapes(bound, due, groups)
    others.factor(0, rows, used)
    others.factor(1, rows, used)
    found: list[Row | None] = list(rows)
    each: list[Measured | None] = [None] * len(groups)
    numbers = list(used)
    for i, look in enumerate(_looks(bound, due, rows, used)):
        row, group = rows[used[i]], groups[i]
        if look is None or row is None:
            continue
        if group.kind.scratch and due.gradients[i] is not None:
            others.change_whole(i, row)
        if group.kind.measures_all:
            each[i] = look if due.gradients[i] is not None else None
            continue
        numbers[i] = len(found)
        found.append(between(group.kind, group.h, row, look, bound.counts[bound.count_of[i]].pending))
    carried: Mapping[str, Mapping[str, float]] = bound.progress.carried
    for kind in {group.kind: None for group in groups if group.kind.measures_all}:
        members = [i for i, group in enumerate(groups) if group.kind is kind and each[i] is not None]
        if members:
            carried = {**carried, kind.__name__: _of_all(kind, groups, members, used, each, found)}
    others.factor(2, found, numbers)
    spoilt = others.spoilt() if bound.guarded else ""
    return found, numbers, [*others.changes(), (bound.progress, "carried", carried)], spoilt


def _looks(
    bound: Bound, due: StepRequest, rows: Rows, used: Sequence[int]
) -> Iterator[Measured | None]:
    """Measure each parameter whose rule has a direction."""
    rules = [bound.rules[group] for group in bound.parameters.group_of]
    if all([rule.direction is None for rule in rules]):
        return
    looks = [row and measuring(row) for row in rows]
    sums = bound.plan.measure(looks, get_num_threads(), used)
    for rule, number, own, p in zip(rules, used, sums, bound.parameters.arrays, strict=True):
        row = rows[number]
        known = row is not None and rule.direction is not None
        yield measured(rule, row, own, p, due.loss or 0.0) if row is not None and known else None


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
    for number, group in {used[i]: groups[i] for i in members}.items():
        row = found[number]
        assert row is not None
        found[number] = between(kind, group.h, row, all_of_them, carried)
    return dict(vars(carried))
