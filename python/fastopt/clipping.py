"""Clipping of gradients by their norm: a factor for each array, in the scale of its row of scalars."""

from collections.abc import Sequence

from fastopt.backends import Plan, Row
from fastopt.threads import get_num_threads


def clipped(rows: Sequence[Row | None], limits: Sequence[float | None], plan: Plan) -> list[Row | None]:
    """Lower the scale of each array's row to where the norm of its gradient is at most its limit.

    One row and one limit for each array of the plan, whose gradients are bound; None is no limit. A
    norm that is NaN scales nothing: what is wrong with the gradient stays visible.
    """
    if all(limit is None for limit in limits):
        return list(rows)
    found: list[Row | None] = []
    for row, limit, norm in zip(rows, limits, plan.norms(get_num_threads()), strict=True):
        if row is not None and limit is not None and norm > limit:
            stage, coefficients = row
            row = stage._replace(scale=stage.scale * (limit / norm)), coefficients
        found.append(row)
    return found
