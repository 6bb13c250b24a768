"""The ways from one value to another: how much is left of the first, at a part x of the way."""

import math
from collections.abc import Callable, Mapping

from fastopt.numerics import cos, sqrt


def linear(x: float) -> float:
    """Leave as much as there is of the way."""
    return 1.0 - x


def cosine(x: float) -> float:
    """Leave slowly, arrive slowly."""
    return (1.0 + cos(math.pi * x)) / 2.0


def one_minus_sqrt(x: float) -> float:
    """Leave fast: Hägele et al. (arXiv:2405.18392)."""
    return 1.0 - sqrt(x)


SHAPES: Mapping[str, Callable[[float], float]] = {
    "linear": linear,
    "cosine": cosine,
    "1-sqrt": one_minus_sqrt,
}


def mixed(first: float, second: float, left: float) -> float:
    """Mix two values by how much is left of the first; exactly the one or the other at 1 and 0."""
    return left * first + (1.0 - left) * second
