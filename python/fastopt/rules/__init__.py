"""All that an optimizer of your own is made of: docs/own_rule.md shows how.

The base class `Optimizer`; `number`, `pair`, `flag` and `choice`, which declare hyperparameters, and
the `Values` of them that a class gets; and what a rule may use beside ``+ - * /``, comparisons,
``np.sqrt`` and ``np.abs``.
"""

from typing import TYPE_CHECKING

from fastopt.algorithm import (
    Values,
    bounded,
    choice,
    clip,
    flag,
    maximum,
    minimum,
    nonnegative,
    number,
    outward,
    pair,
    select,
    sign,
)
from fastopt.optimizer import Optimizer
from fastopt.runtime import attributes

__all__ = [
    "Optimizer",
    "Values",
    "bounded",
    "choice",
    "clip",
    "flag",
    "maximum",
    "minimum",
    "nonnegative",
    "number",
    "outward",
    "pair",
    "select",
    "sign",
]


if not TYPE_CHECKING:  # type checkers find by themselves what is missing
    __getattr__, __dir__ = attributes.of(__name__)
