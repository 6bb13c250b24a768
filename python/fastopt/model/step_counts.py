"""Step counts: the parameters of one group that have taken the same steps share every scalar.

All parameters of a group share one count until some of them sit out a step (their gradient is None).
Each parameter counts its own steps, as in PyTorch, or its bias corrections would be those of another.
"""

from collections.abc import Sequence
from typing import Any

from fastopt.algorithm.hyperparameters import Values
from fastopt.model.commit import Change
from fastopt.model.groups import Group


class Cohort:
    """Steps taken, and the scalars that are carried from one step to the next."""

    __slots__ = ("active", "carried", "group", "pending", "t")

    def __init__(self, group: Group, t: int, carried: dict[str, float], active: bool = True) -> None:
        self.group = group
        self.t = t
        self.carried = carried
        self.active = active  # takes part in the step that is being prepared
        self.pending: Values | None = None  # what is carried on if that step is taken

    def changes(self) -> list[Change]:
        """List what changes when the step is taken: it is counted."""
        if not self.active:
            return []
        counted: list[Change] = [(self, "t", self.t + 1)]
        return counted if self.pending is None else [*counted, (self, "carried", vars(self.pending))]


def divide(
    cohorts: Sequence[Cohort], rows: Sequence[int], present: Sequence[bool]
) -> tuple[list[Cohort], list[int]]:
    """Divide counts by who takes the step that comes, and join those that are alike again."""
    found: dict[Any, int] = {}
    divided: list[Cohort] = []
    assigned = []
    for row, takes_part in zip(rows, present, strict=True):
        old = cohorts[row]
        key = (id(old.group), old.t, *old.carried.items(), takes_part)
        if key not in found:
            found[key] = len(divided)
            divided.append(Cohort(old.group, old.t, dict(old.carried), takes_part))
        assigned.append(found[key])
    return divided, assigned
