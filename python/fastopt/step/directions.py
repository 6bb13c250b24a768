"""Directions: what is measured of a step before it is taken, and the scalars that follow from it."""

import math

from fastopt.algorithm import Algorithm, Measured, Values, kept_before, of_the_gradient
from fastopt.model import Row

Sums = tuple[float, float]  # of the squares of a direction and of its parameter


def measuring(row: Row) -> Row:
    """Return the row that a direction is measured with: without what a stage does to the parameter."""
    return of_the_gradient(row[0]), row[1]


def between(
    kind: type[Algorithm], h: Values, row: Row, sums: Sums, size: int, carried: Values | None
) -> Row:
    """Compute the row of a parameter, and what it carries on, from what was measured of it."""
    weight = math.sqrt(sums[1]) * kept_before(row[0])
    measured = Measured(math.sqrt(sums[0]), weight, size)
    more = (carried,) if kind.carries_norms and carried is not None else ()
    return row[0], kind.between(h, row[1], measured, *more)
