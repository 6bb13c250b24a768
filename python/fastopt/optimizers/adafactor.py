"""Adafactor."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Measured,
    Reduced,
    RuleFunction,
    Scheduled,
    ScheduledOrNone,
    Values,
    choice,
    flag,
    maximum,
    number,
    shipped,
)
from fastopt.numerics import of_columns, real_power, sqrt
from fastopt.optimizer import Optimizer

Array = NDArray[Any]


@shipped
def adafactor_squares(p: Any, g: Any, row: Any, column: Any, floor: Any, c: Any) -> Any:
    """Return the squares that are summed to rows and columns."""
    row = g * g + c.eps0
    return p, row, row, floor


@shipped
def adafactor_direction(p: Any, g: Any, row: Any, column: Any, floor: Any, c: Any) -> Any:
    """Return the gradient over the root of its second moment, which is measured."""
    return g / np.sqrt(maximum(row * column, floor)), row, column, floor


@shipped
def adafactor(p: Any, g: Any, row: Any, column: Any, floor: Any, c: Any) -> Any:
    """Step along that."""
    p = p - c.step * (g / np.sqrt(maximum(row * column, floor)))
    return p, row, column, floor


@shipped
def adafactor_momentum_squares(
    p: Any, g: Any, m: Any, row: Any, column: Any, floor: Any, c: Any
) -> Any:
    """Return the squares that are summed to rows and columns."""
    row = g * g + c.eps0
    return p, m, row, row, floor


@shipped
def adafactor_momentum_direction(
    p: Any, g: Any, m: Any, row: Any, column: Any, floor: Any, c: Any
) -> Any:
    """Return the gradient over the root of its second moment, which is measured."""
    return g / np.sqrt(maximum(row * column, floor)), m, row, column, floor


@shipped
def adafactor_momentum(p: Any, g: Any, m: Any, row: Any, column: Any, floor: Any, c: Any) -> Any:
    """Step along a running mean of such steps."""
    m = c.beta1 * m + c.take1 * (c.step * (g / np.sqrt(maximum(row * column, floor))))
    p = p - m
    return p, m, row, column, floor


AdafactorCoefficients = namedtuple("AdafactorCoefficients", "eps0 beta1 take1 step")


@shipped
class Adafactor(Optimizer):
    """Adafactor: Adam's second moment from one number for each row and one for each column.

    ::

        k = t^beta2_decay
        r = r + k * (mean(g * g + eps0) - r)                   of each row
        c = c + k * (mean(g * g + eps0) - c)                   of each column
        u = g / sqrt(max(r * c / max(mean(r), eps1), eps1^2))
        alpha = max(eps2, rms(p)) * min(lr, 1 / sqrt(t))       without scale_parameter: not the first
        p = p * (1 - lr * weight_decay) - alpha * u / max(1, rms(u) / d)

    Rows and columns are the last two axes; axes before them are matrices side by side. An array with
    fewer has a number for each element. rms is the root of the mean of the squares; p has it before the
    decay.

    Shazeer and Stern, *Adafactor: adaptive learning rates with sublinear memory cost*
    (arXiv:1804.04235). Defaults and order of torch.optim.Adafactor, with its ``eps=(eps1, eps2)`` as
    two names. That of T5, as in Transformers, is ``eps0=1e-30, eps1=0.0``, and `beta1` its momentum,
    which holds what is subtracted; with a learning rate of one's own ``relative_step=False``.

    Parameters
    ----------
    lr : float >= 0
        Learning rate, or its limit.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    beta2_decay : float <= 0
        How fast a step's share in the second moment falls.
    eps0 : float >= 0
        Added to the squares.
    eps1 : float >= 0, optional
        The smallest mean, and the smallest root. What 1 + eps1 is told from 1 by if nothing is said.
    eps2 : float >= 0
        The smallest rms of a parameter.
    d : float >= 1
        The largest rms of a direction.
    beta1 : float >= 0 and < 1, optional
        How much of a running mean of steps is kept; none if nothing is said.
    scale_parameter : bool
        Scale the step by the rms of the parameter.
    relative_step : bool
        Limit lr to ``1 / sqrt(t)``.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of steps
    r : running mean of squared gradients, one for each row
    c : running mean of squared gradients, one for each column

    Examples
    --------
    >>> w = np.ones((2, 3))
    >>> opt = fastopt.Adafactor([w], lr=0.1)
    >>> opt.step([np.array([[3.0, -3.0, 3.0], [-3.0, 3.0, -3.0]])])
    True
    >>> w.round(3)
    array([[0.9, 1.1, 0.9],
           [1.1, 0.9, 1.1]])
    """

    facts = Facts(
        paper="arXiv:1804.04235",
        kind="factored",
        good_for="transformers, where two numbers for each weight are too many",
        states={
            "m": "running mean of steps",
            "r": "running mean of squared gradients, one for each row",
            "c": "running mean of squared gradients, one for each column",
        },
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    beta2_decay: Scheduled = number(default=-0.8, at_most=0.0)
    eps0: Scheduled = number(default=0.0, at_least=0.0)
    eps1: ScheduledOrNone = number(default=None, at_least=0.0, optional=True)
    eps2: Scheduled = number(default=1e-3, at_least=0.0)
    d: Scheduled = number(default=1.0, at_least=1.0)
    beta1: ScheduledOrNone = number(default=None, at_least=0.0, below=1.0, optional=True)
    scale_parameter: bool = flag(default=True)
    relative_step: bool = flag(default=True)

    spread = ("row", "column", "floor")

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return adafactor if h.beta1 is None else adafactor_momentum

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return adafactor_direction if h.beta1 is None else adafactor_momentum_direction

    @classmethod
    def select_reduced(cls, h: Values) -> tuple[RuleFunction, ...]:
        return (adafactor_squares if h.beta1 is None else adafactor_momentum_squares,)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        if p.ndim < 2:
            return {"c": p.shape}
        rows, columns = of_columns(p)
        return {"r": rows, "c": columns}

    @classmethod
    def spreads(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        rows, columns = of_columns(p)
        return {"row": rows, "column": columns, "floor": (1,) * p.ndim}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1 = 0.0 if h.beta1 is None else h.beta1
        step = min(h.lr, 1.0 / sqrt(t)) if h.relative_step else h.lr
        return AdafactorCoefficients(h.eps0, beta1, 1.0 - beta1, step)

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        if found.number != 1:
            return
        sums, kept, spread = found.sums, found.kept, found.spread
        share = 1.0 / real_power(float(found.t), -h.beta2_decay)
        row, column = spread["row"], spread["column"]
        eps1 = float(np.finfo(row.dtype).eps) if h.eps1 is None else h.eps1
        spread["floor"][...] = eps1 * eps1
        if "r" not in kept:
            kept["c"] = mixed(kept["c"], share, sums["column"])
            row[...], column[...] = 1.0, kept["c"]
            return
        kept["r"] = mixed(kept["r"], share, sums["row"] / column.shape[-1])
        kept["c"] = mixed(kept["c"], share, sums["column"] / row.shape[-2])
        row[...] = kept["r"] / np.maximum(mean_of_rows(kept["r"]), eps1)
        column[...] = kept["c"]

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        root = sqrt(measured.size) if measured.size else 1.0
        step = c.step
        if h.scale_parameter:
            step *= max(h.eps2, measured.before / root)
        rms = measured.direction / root / h.d
        return c._replace(step=step / rms if rms > 1.0 else step)


def mixed(state: Array, share: float, found: NDArray[np.float64]) -> Array:
    """Move a state by a share of the way to what was found, in place and in double."""
    before = state.astype(np.float64)
    found -= before
    found *= share
    found += before
    return found.astype(state.dtype)


def mean_of_rows(r: Array) -> NDArray[np.float64]:
    """Compute the mean over the rows of each matrix, from the first to the last, in double."""
    sums = np.add.accumulate(r.astype(np.float64), axis=-2)[..., -1:, :]
    found: NDArray[np.float64] = sums / r.shape[-2]
    return found
