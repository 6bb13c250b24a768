"""A rule of a user's, which Numba compiles and NumPy runs as it stands."""

from typing import Any, NamedTuple

import fastopt
from fastopt.algorithm.elementwise import select


class Coefficients(NamedTuple):
    beta: float
    lr: float


class Own(fastopt.Optimizer):
    """Momentum that chooses by element, with scalars of each step's own."""

    @staticmethod
    def rule(p: Any, g: Any, m: Any, c: Any) -> Any:
        m = select(g > m, c.beta * m + g, m - c.beta * g)
        return p - c.lr * m, m

    @staticmethod
    def coefficients(h: Any, t: int) -> NamedTuple:
        return Coefficients(0.5 + 0.25 / t, h.lr)
