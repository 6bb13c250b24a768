"""Facts of an algorithm, which its class declares: what descriptions and tables are made of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# The kinds of algorithms, and what is said above those of one.
KINDS = {
    "momentum": "Momentum and signs",
    "adaptive": "A step size for each element",
    "layerwise": "A step size for each array",
    "schedule-free": "Without a schedule",
    "learning-rate-free": "Without a learning rate",
    "factored": "Less memory: numbers for rows and columns",
    "loss-aware": "A step size from the loss",
    "curvature": "A step size from the curvature",
    "matrix": "A step size for each matrix",
    "quasi-newton": "With a function that returns loss and gradients",
}


class Facts(NamedTuple):
    """The source of an algorithm, its states for each parameter, and what it is good for."""

    paper: str = ""
    kind: str = ""  # one of KINDS
    good_for: str = ""
    # What each holds, by its name; some options need more of them than others.
    states: Mapping[str, str] = MappingProxyType({})
    # Those that can be stored in 16 or 8 bits: "signed", or "unsigned" if they are never negative. Sums
    # that go on for ever have to be exact, and what stands for parameters, what others are subtracted
    # from or compared with, and means of gradients that keep more than 0.99 of themselves: the noise of
    # 8 bits is a quarter of one there, and two thirds where it keeps 0.999.
    few_bits: Mapping[str, str] = MappingProxyType({})
