"""Sums over a parameter, or over all, that are known before the update."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_NONE: Mapping[str, float] = MappingProxyType({})


class Measured(NamedTuple):
    """Two L2 norms of what is to be updated, the number of its elements, and sums besides."""

    direction: float  # of what the direction returns for p, where its squares are summed
    weight: float  # of the parameter itself, as the rule is given it
    size: int
    sums: Mapping[str, float] = _NONE  # as the class names them
    loss: float = 0.0  # of the step, for a class that needs it
