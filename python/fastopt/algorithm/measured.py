"""Sums over a parameter, or over all, that are known before the update."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_NONE: Mapping[str, float] = MappingProxyType({})


class Reduced(NamedTuple):
    """Sums over a parameter to the shapes of what is spread over it, and what they change."""

    number: int  # of the reduction, 1 or 2; 0 before the first
    t: int  # of the step
    size: int  # of the parameter
    sums: Mapping[str, NDArray[np.float64]]  # or the largest, by the names of what is spread; none at 0
    kept: dict[str, NDArray[Any]]  # states of other shapes, to be set anew
    spread: dict[str, NDArray[Any]]  # to be filled


class Measured(NamedTuple):
    """L2 norms of what is to be updated, NaN where a class asks for none, and sums besides."""

    direction: float  # of what the direction returns for p, where its squares are summed
    weight: float  # of the parameter itself, as the rule is given it
    size: int
    before: float  # of the parameter itself, as the step finds it
    sums: Mapping[str, float] = _NONE  # as the class names them
    loss: float = 0.0  # of the step, for a class that needs it
    shape: tuple[int, ...] = ()  # of the parameter, where it is one
