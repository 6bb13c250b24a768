"""Transforms of gradients that any algorithm can take: which are asked for, and the rules of them.

In place of the parameter of such a rule stands the array that the transformed gradient is written to.
csrc/kernels/rules/gradient_transforms.hpp is the same text in C++.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.rule import rule_of, shipped

# The options that ask for them, in the order in which they are done. The filter in time is of gradients
# as they are given, what is taken out comes next, and a limit is last: it holds of what the rule gets.
TRANSFORMS = ("grokfast", "orthograd", "centralize", "adaptive_clip")
OF_TRANSFORMS = (*TRANSFORMS, "grokfast_alpha", "adaptive_clip_eps")

# The states that they keep.
KEPT: Mapping[str, str] = {"grokfast": "grokfast_ema"}


def transforms_of(h: Values) -> tuple[str, ...]:
    """List the transforms that the hyperparameters of a group ask for."""
    # By identity: a number that is 0 asks for something, such as a mean that is kept meanwhile.
    values = [(name, vars(h).get(name)) for name in TRANSFORMS]
    return tuple([name for name, value in values if value is not None and value is not False])


@shipped
def grokfast(p: Any, g: Any, slow: Any, now: Any, c: Any) -> Any:
    """Add the running mean of gradients, which is written beside the one that is kept."""
    now = c.keep * slow + c.take * g
    p = g + c.more * now
    return p, slow, now


class GrokfastCoefficients(NamedTuple):
    """Scalars of `grokfast`."""

    keep: float
    take: float
    more: float


@shipped
def orthogonal_look(p: Any, g: Any, w: Any, dot: Any, c: Any) -> Any:
    """Return the gradient without its share of the parameter, the parameter, and their products."""
    return g - c.along * w, w, w * g


@shipped
def orthogonal(p: Any, g: Any, w: Any, c: Any) -> Any:
    """Leave out of the gradient its share of the parameter, and make it as long as it was."""
    return c.length * (g - c.along * w), w


class OrthogonalCoefficients(NamedTuple):
    """Scalars of `orthogonal`."""

    along: float
    length: float


@shipped
def row_values(p: Any, g: Any, mean: Any, factor: Any, c: Any) -> Any:
    """Return the gradient, to be summed over rows."""
    return p, g, g


@shipped
def row_squares(p: Any, g: Any, mean: Any, factor: Any, c: Any) -> Any:
    """Return the squares of the gradient without the mean of its row, to be summed over rows."""
    x = c.scale * (g - mean)
    return p, x * x, x * x


@shipped
def by_rows(p: Any, g: Any, mean: Any, factor: Any, c: Any) -> Any:
    """Subtract the mean of its row from the gradient, and multiply it by the factor of the row."""
    return factor * (g - mean), mean, factor


class ByRowsCoefficients(NamedTuple):
    """Scalars of `by_rows`."""

    scale: float


_SUMS = (("p", "squares"), ("w", "squares"), ("dot", "values"))

GROKFAST = rule_of(grokfast)
ORTHOGONAL = rule_of(orthogonal, orthogonal_look, _SUMS)
BY_ROWS = rule_of(by_rows, spread=("mean", "factor"), reduced=(row_values, row_squares))
