"""SM3."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Reduced, Scheduled, Values, minimum, number, select, shipped
from fastopt.numerics import of_columns
from fastopt.optimizer import Optimizer

Array = NDArray[Any]


@shipped
def sm3_sums(p: Any, g: Any, m: Any, row: Any, column: Any, c: Any) -> Any:
    """Return the sum of squares of each element, as far as it is known."""
    row = c.keep * minimum(row, column) + c.take * g * g
    return p, m, row, row


@shipped
def sm3(p: Any, g: Any, m: Any, row: Any, column: Any, c: Any) -> Any:
    """Step along a running mean of gradients over the roots of those."""
    n = c.keep * minimum(row, column) + c.take * g * g
    m = c.momentum * m + c.share * select(n > c.zero, g / np.sqrt(n + c.eps), c.zero)
    p = p - c.step * m
    return p, m, row, column


Sm3Coefficients = namedtuple("Sm3Coefficients", "keep take eps momentum share zero step")


@shipped
class SM3(Optimizer):
    """SM3: Adagrad with one sum for each row and each column.

    ::

        n = min(a) + g * g                                     a: those of the slices that it lies in
        a = max(n)                                             of each slice, along each axis
        m = momentum * m + (1 - momentum) * g / sqrt(n + eps)                       0 where n is 0
        p = p - lr * m

    With ``beta2 < 1``, ``n = beta2 * min(a) + (1 - beta2) * g * g``. Vectors are Adagrad's.

    Anil et al., *Memory-efficient adaptive optimization* (arXiv:1901.11150). As optax, which refuses
    arrays without axes.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of the running mean is kept.
    beta2 : float > 0 and <= 1
        How much of the sums is kept.
    eps : float >= 0
        Added inside the root.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of directions
    a0 : sums of squares, one for each place along the first axis
    a1 : the same along the next axis, and so on

    Examples
    --------
    >>> w = np.ones((2, 2))
    >>> opt = fastopt.SM3([w], lr=0.5, momentum=0.0)
    >>> opt.step([np.array([[1.0, -1.0], [2.0, -2.0]])])
    True
    >>> w
    array([[0.5, 1.5],
           [0.5, 1.5]])
    """

    facts = Facts(
        paper="arXiv:1901.11150",
        kind="factored",
        good_for="large embeddings and transformers, with half of Adam's memory",
        states={
            "m": "running mean of directions",
            "a0": "sums of squares, one for each place along the first axis",
            "a1": "the same along the next axis, and so on",
        },
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=0.1, at_least=0.0)
    momentum: Scheduled = number(default=0.9, at_least=0.0, below=1.0)
    beta2: Scheduled = number(default=1.0, above=0.0, at_most=1.0)
    eps: Scheduled = number(default=0.0, at_least=0.0)

    spread = ("row", "column")
    rule = staticmethod(sm3)
    reduced: ClassVar = (sm3_sums,)
    largest = True

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        axes = range(p.ndim)
        return {f"a{k}": tuple([p.shape[j] if j == k else 1 for j in axes]) for k in axes or (0,)}

    @classmethod
    def spreads(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        column = (1,) * (p.ndim - 1) + p.shape[-1:]
        return {"row": of_columns(p)[0], "column": column}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        take = 1.0 if h.beta2 == 1.0 else 1.0 - h.beta2
        return Sm3Coefficients(h.beta2, take, h.eps, h.momentum, 1.0 - h.momentum, 0.0, h.lr)

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        row, column, kept = found.spread["row"], found.spread["column"], found.kept
        last = max(row.ndim - 1, 0)
        if found.number == 0:
            # One number for each row: the smallest of those of all its axes but the last.
            row[...] = np.inf
            for k in range(last):
                np.minimum(row, kept[f"a{k}"], out=row)
            column[...] = kept[f"a{last}"]
            return
        kept[f"a{last}"] = found.sums["column"].astype(column.dtype)
        for k in range(last):
            others = tuple([j for j in range(last) if j != k])
            kept[f"a{k}"] = found.sums["row"].max(axis=others, keepdims=True).astype(row.dtype)
