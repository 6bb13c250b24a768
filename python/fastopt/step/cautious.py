"""Cautious steps: how much of an array agrees with its gradient, and what follows for its scalars."""

from collections.abc import Sequence

from fastopt.algorithm import LARGEST_AGREE
from fastopt.model import Row
from fastopt.runtime import get_num_threads
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest


def cautious_row(row: Row, size: int, agreeing: float) -> Row:
    """Return the row with what steps are multiplied by of which so many elements agree."""
    # Where none does there is nothing that would be multiplied.
    agree = min(size / agreeing, LARGEST_AGREE) if agreeing else LARGEST_AGREE
    return row[0]._replace(agree=agree), row[1]


def cautious_rows(
    bound: Bound, due: StepRequest, rows: Sequence[Row | None], row_of_each: Sequence[int]
) -> tuple[list[Row | None], Sequence[int]]:
    """Make a row of its own for each parameter whose steps are cautious, with what they grow by."""
    used, plan, gradients = row_of_each or bound.count_of, bound.plan, due.gradients
    careful = [bound.groups[group].h.cautious is True for group in bound.parameters.group_of]
    found, numbers = list(rows), list(used)
    if not all(careful):  # no other rule is run: its array has no gradient meanwhile
        looked_at = [g if own else None for own, g in zip(careful, gradients, strict=True)]
        plan.bind(looked_at, None, True, bound.forms)
    agreements = plan.agreements(rows, get_num_threads(), used)
    if not all(careful):
        plan.bind(gradients, None, True, bound.forms)
    for i, (count, p) in enumerate(zip(agreements, bound.parameters.arrays, strict=True)):
        row = rows[used[i]]
        if careful[i] and row is not None and gradients[i] is not None:
            numbers[i] = len(found)
            found.append(cautious_row(row, p.size, count))
    return found, numbers
