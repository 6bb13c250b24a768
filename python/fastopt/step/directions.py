"""Directions: what is measured of a step before it is taken, and the scalars that follow from it."""

import math

from fastopt.algorithm import Algorithm, Values, of_the_gradient
from fastopt.model import Row


def measuring(row: Row) -> Row:
    """Return the row that a direction is measured with: without what a stage does to the parameter."""
    return of_the_gradient(row[0]), row[1]


def between(kind: type[Algorithm], h: Values, row: Row, sums: tuple[float, float]) -> Row:
    """Compute the row of a parameter from the sums of squares of its direction and of itself."""
    direction, weight = sums
    norms = math.sqrt(direction), math.sqrt(weight)
    return row[0], kind.between(h, row[1], *norms)
