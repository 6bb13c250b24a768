"""Step counts: the parameters of one group that have taken the same steps share every scalar.

All parameters of a group share one count until some of them sit out a step (their gradient is None).
Each parameter counts its own steps, as in PyTorch, or its bias corrections would be those of another.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from fastopt.algorithm import StageScalars, Values
from fastopt.model.commit import Change
from fastopt.model.groups import Group

Key = TypeVar("Key")
Row = tuple[StageScalars, tuple[float, ...]]  # the scalars of a step


class StepCount:
    """Steps taken, and the scalars that are carried from one step to the next."""

    __slots__ = ("active", "carried", "group", "pending", "t")

    def __init__(
        self, group: Group, t: int = 0, carried: dict[str, float] | None = None, active: bool = True
    ) -> None:
        self.group = group
        self.t = t
        if carried is None:
            carried = {} if group.kind.measures_all else group.kind.initial_carried()
        self.carried = carried
        self.active = active  # takes part in the step that is being prepared
        self.pending: Values | None = None  # what is carried on if that step is taken

    def row(self) -> Row | None:
        """Compute the scalars of the step that is being prepared; None where it takes no part."""
        if not self.active:
            return None
        group = self.group
        if not group.kind.carried:
            return group.stage_scalars, group.coefficients(group.computed, self.t + 1)
        if group.kind.measures_all:
            carried = group.carried
        else:
            carried = self.pending = Values(**self.carried)
        return group.stage_scalars, group.coefficients(group.computed, self.t + 1, carried)

    def changes(self) -> list[Change]:
        """List what changes when the step is taken: it is counted."""
        if not self.active:
            return []
        counted: list[Change] = [(self, "t", self.t + 1)]
        return counted if self.pending is None else [*counted, (self, "carried", vars(self.pending))]


Counts = tuple[list[StepCount], list[int]]  # and the number of the one that each parameter has


def divide(counts: Sequence[StepCount], rows: Sequence[int], present: Sequence[bool]) -> Counts:
    """Divide counts by who takes the step that comes, and join those that are alike again."""
    alike: dict[Any, int] = {}
    first = [
        alike.setdefault((id(each.group), each.t, *each.carried.items()), k)
        for k, each in enumerate(counts)
    ]

    def make(key: tuple[int, bool, Any]) -> StepCount:
        old = counts[key[0]]
        return StepCount(old.group, old.t, dict(old.carried), key[1])

    alone = [own_count(counts[row].group, i) for i, row in enumerate(rows)]
    return _joined(zip([first[row] for row in rows], present, alone, strict=True), make)


def regroup(
    counts: Sequence[StepCount],
    given: Sequence[int | None],
    groups: Sequence[Group],
    group_of: Sequence[int],
) -> Counts:
    """Make counts for parameters that are in other groups now, and join those that are alike.

    `given` are the numbers of those that they had, None for parameters that are new.
    """
    first_new = len(counts)
    rows = [first_new + k if row is None else row for row, k in zip(given, group_of, strict=True)]
    counts = [*counts, *map(StepCount, groups)]
    alike: dict[Any, int] = {}
    first = [alike.setdefault((each.t, *each.carried.items()), k) for k, each in enumerate(counts)]

    def make(key: tuple[int, int, Any]) -> StepCount:
        old = counts[key[0]]
        return StepCount(groups[key[1]], old.t, dict(old.carried))

    alone = [own_count(groups[k], i) for i, k in enumerate(group_of)]
    return _joined(zip([first[row] for row in rows], group_of, alone, strict=True), make)


def own_count(group: Group, parameter: int) -> int | None:
    """Return the number of a parameter that never shares a count with others; None for one that may."""
    return parameter if group.kind.carries_norms else None


def _joined(keys: Iterable[Key], make: Callable[[Key], StepCount]) -> Counts:
    """Make a count for each key, one for those that are equal."""
    numbers: dict[Key, int] = {}
    assigned = [numbers.setdefault(key, len(numbers)) for key in keys]
    return list(map(make, numbers)), assigned
