"""CAME."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Measured,
    Reduced,
    Scheduled,
    ScheduledNumbers,
    Values,
    choice,
    number,
    several,
    shipped,
)
from fastopt.numerics import of_columns, sqrt
from fastopt.optimizer import Optimizer
from fastopt.optimizers.adafactor import mean_of_rows, mixed

Array = NDArray[Any]
Columns = Mapping[str, tuple[int, ...]]


@shipped
def came_squares(
    p: Any, g: Any, m: Any, row: Any, column: Any, far_row: Any, far_column: Any, c: Any
) -> Any:
    """Return the squares that are summed to rows and columns."""
    row = g * g + c.eps1
    return p, m, row, row, far_row, far_column


@shipped
def came_direction(
    p: Any, g: Any, m: Any, row: Any, column: Any, far_row: Any, far_column: Any, c: Any
) -> Any:
    """Return the gradient over the root of its second moment, which is measured."""
    return g / np.sqrt(row * column), m, row, column, far_row, far_column


@shipped
def came_distances(
    p: Any, g: Any, m: Any, row: Any, column: Any, far_row: Any, far_column: Any, c: Any
) -> Any:
    """Return the squares of how far that is from its running mean."""
    u = c.limit * (g / np.sqrt(row * column))
    m = c.beta1 * m + c.take1 * u
    d = u - m
    far_row = d * d + c.eps2
    return p, m, row, column, far_row, far_row


@shipped
def came(p: Any, g: Any, m: Any, row: Any, column: Any, far_row: Any, far_column: Any, c: Any) -> Any:
    """Step along the running mean, over the root of those."""
    u = c.limit * (g / np.sqrt(row * column))
    m = c.beta1 * m + c.take1 * u
    p = p - c.step * (m / np.sqrt(far_row * far_column))
    return p, m, row, column, far_row, far_column


CameCoefficients = namedtuple("CameCoefficients", "eps1 eps2 beta1 take1 limit step")


@shipped
class CAME(Optimizer):
    """CAME: Adafactor with momentum, which goes less far where it changes much.

    ::

        r = beta2 * r + (1 - beta2) * mean(g * g + eps1)       of each row
        c = beta2 * c + (1 - beta2) * mean(g * g + eps1)       of each column
        u = g / sqrt(r * c / mean(r))
        u = u / max(1, rms(u) / clip_threshold)
        m = beta1 * m + (1 - beta1) * u
        r2, c2: the same of (u - m)^2 + eps2, with beta3
        p = p - lr * m / sqrt(r2 * c2 / mean(r2))

    Rows and columns are the last two axes; axes before them are matrices side by side. An array with
    fewer has a number for each element, and goes ``lr * m``.

    Luo et al., *CAME: confidence-guided adaptive memory efficient optimization* (arXiv:2307.02047). As
    the authors' package, whose lr has no default.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    betas : three floats, >= 0 and < 1
        How much is kept of the momentum, of the second moment, and of the distances.
    eps1 : float > 0
        Added to the squares.
    eps2 : float > 0
        Added to the squares of distances.
    clip_threshold : float > 0
        The largest rms of a direction.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of directions
    r : running mean of squared gradients, one for each row
    c : running mean of squared gradients, one for each column
    r2 : running mean of squared distances, one for each row
    c2 : running mean of squared distances, one for each column

    Examples
    --------
    >>> w = np.ones((2, 2))
    >>> opt = fastopt.CAME([w], lr=0.1)
    >>> for _ in range(30):
    ...     taken = opt.step([w - [[2.0, 0.0], [0.0, 2.0]]])
    >>> bool(np.abs(w - [[2.0, 0.0], [0.0, 2.0]]).max() < 0.5)
    True
    """

    facts = Facts(
        paper="arXiv:2307.02047",
        kind="factored",
        good_for="large language models, with half of Adam's memory",
        states={
            "m": "running mean of directions",
            "r": "running mean of squared gradients, one for each row",
            "c": "running mean of squared gradients, one for each column",
            "r2": "running mean of squared distances, one for each row",
            "c2": "running mean of squared distances, one for each column",
        },
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=2e-4, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    betas: ScheduledNumbers = several(default=(0.9, 0.999, 0.9999), fewest=3, most=3, below=1.0)
    eps1: Scheduled = number(default=1e-30, above=0.0)
    eps2: Scheduled = number(default=1e-16, above=0.0)
    clip_threshold: Scheduled = number(default=1.0, above=0.0)

    spread = ("row", "column", "far_row", "far_column")
    rule = staticmethod(came)
    direction = staticmethod(came_direction)
    sums: ClassVar = {"p": "squares"}
    reduced: ClassVar = (came_squares, came_distances)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Columns:
        if p.ndim < 2:
            return {"c": p.shape}
        rows, columns = of_columns(p)
        return {"r": rows, "c": columns, "r2": rows, "c2": columns}

    @classmethod
    def spreads(cls, h: Values, p: Array) -> Columns:
        rows, columns = of_columns(p)
        return {"row": rows, "column": columns, "far_row": rows, "far_column": columns}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1 = h.betas[0]
        return CameCoefficients(h.eps1, h.eps2, beta1, 1.0 - beta1, 1.0, h.lr)

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        number, sums, kept, spread = found.number, found.sums, found.kept, found.spread
        if number == 0:
            return
        before, of = ("", "") if number == 1 else ("far_", "2")
        row, column = spread[f"{before}row"], spread[f"{before}column"]
        if "r" not in kept:
            if number == 1:
                kept["c"] = mixed(kept["c"], 1.0 - h.betas[1], sums["column"])
            row[...], column[...] = 1.0, kept["c"] if number == 1 else 1.0
            return
        share = 1.0 - h.betas[number]
        r = kept[f"r{of}"] = mixed(kept[f"r{of}"], share, sums[f"{before}row"] / column.shape[-1])
        kept[f"c{of}"] = mixed(kept[f"c{of}"], share, sums[f"{before}column"] / row.shape[-2])
        row[...], column[...] = r / mean_of_rows(r), kept[f"c{of}"]

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        rms = measured.direction / sqrt(measured.size) if measured.size else 0.0
        excess = rms / h.clip_threshold
        return c._replace(limit=1.0 / excess) if excess > 1.0 else c
