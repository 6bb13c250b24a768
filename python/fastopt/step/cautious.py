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
    used = row_of_each or bound.count_of
    careful = [bound.groups[group].h.cautious is True for group in bound.parameters.group_of]
    found, numbers = list(rows), list(used)
    agreements = bound.plan.agreements(rows, get_num_threads(), used)
    for i, (count, p) in enumerate(zip(agreements, bound.parameters.arrays, strict=True)):
        row = rows[used[i]]
        if careful[i] and row is not None and due.gradients[i] is not None:
            numbers[i] = len(found)
            found.append(cautious_row(row, p.size, count))
    return found, numbers
