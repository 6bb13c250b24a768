"""Two rules that the library has not, written as a user would: see docs/own_rule.md.

They divide by what was accumulated *before* this step, not by what includes its gradient, as a
course on MNIST does (docs/formulas.md, E). The first step divides by the root of `eps` alone, and is
far too long.
"""

from typing import Any, NamedTuple

import numpy as np

import fastopt
from fastopt.algorithm import Values, number


class LateAdagradCoefficients(NamedTuple):
    """Scalars of `LateAdagrad`."""

    lr: float
    eps: float


class LateAdagrad(fastopt.Optimizer):
    """Adagrad that divides by the sum of squares of the steps before."""

    lr: float = number(default=1e-3, at_least=0.0)
    eps: float = number(default=1e-8, at_least=0.0)

    @staticmethod
    def rule(p: Any, g: Any, total: Any, c: Any) -> Any:
        """Step, then add the square."""
        p = p - c.lr * g / np.sqrt(total + c.eps)
        total = total + g * g
        return p, total

    @staticmethod
    def coefficients(h: Values, t: int) -> NamedTuple:
        """Return the scalars as they are."""
        return LateAdagradCoefficients(h.lr, h.eps)


class LateRMSpropCoefficients(NamedTuple):
    """Scalars of `LateRMSprop`."""

    lr: float
    eps: float
    alpha: float
    one_minus_alpha: float


class LateRMSprop(fastopt.Optimizer):
    """RMSprop that divides by the mean of squares of the steps before."""

    lr: float = number(default=1e-3, at_least=0.0)
    alpha: float = number(default=0.9, at_least=0.0, below=1.0)
    eps: float = number(default=1e-8, at_least=0.0)

    @staticmethod
    def rule(p: Any, g: Any, v: Any, c: Any) -> Any:
        """Step, then add the square to the mean."""
        p = p - c.lr * g / np.sqrt(v + c.eps)
        v = c.alpha * v + c.one_minus_alpha * g * g
        return p, v

    @staticmethod
    def coefficients(h: Values, t: int) -> NamedTuple:
        """Compute the share of the new square."""
        return LateRMSpropCoefficients(h.lr, h.eps, h.alpha, 1.0 - h.alpha)
