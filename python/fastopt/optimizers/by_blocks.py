"""Adam-mini and row-wise Adagrad: one second moment for a block of elements."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Reduced,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer
from fastopt.optimizers.adafactor import mixed

Array = NDArray[Any]
Shapes = Mapping[str, tuple[int, ...]]


@shipped
def adam_mini_squares(p: Any, g: Any, m: Any, block: Any, c: Any) -> Any:
    """Return the squares that are summed over each block."""
    return p, m, g * g


@shipped
def adam_mini(p: Any, g: Any, m: Any, block: Any, c: Any) -> Any:
    """Step as Adam does, with the second moment of the block."""
    m = c.beta1 * m + c.take1 * g
    p = p - c.step * m / (np.sqrt(block) * c.unbias + c.eps)
    return p, m, block


@shipped
def rowwise_adagrad_squares(p: Any, g: Any, row: Any, c: Any) -> Any:
    """Return the squares that are summed over each row."""
    return p, g * g


@shipped
def rowwise_adagrad(p: Any, g: Any, row: Any, c: Any) -> Any:
    """Step as Adagrad does, with the sum of the row."""
    p = p - c.step * (g / (np.sqrt(row) + c.eps))
    return p, row


AdamMiniCoefficients = namedtuple("AdamMiniCoefficients", "beta1 take1 unbias eps step")
RowwiseAdagradCoefficients = namedtuple("RowwiseAdagradCoefficients", "eps step")


def of_rows(p: Array) -> tuple[int, ...]:
    """Return the shape of one number for each place along the first axis."""
    return (*p.shape[:1], *(1,) * (p.ndim - 1))


@shipped
class AdamMini(Optimizer):
    """Adam-mini: Adam with one second moment for each row, or for an array.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * mean(g * g)              of each block
        p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)

    Zhang et al., *Adam-mini: use fewer learning rates to gain more* (arXiv:2406.16793). The package
    finds blocks by words in the names of parameters; here they are said, as in ``groups={"*.norm":
    {"block": "array"}}``. Rows are right for embeddings, outputs and layers, and of vectors are their
    elements.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    block : str
        What has a second moment of its own: a "row", along the first axis, the "array", or an
        "element". Where it changes, second moments begin anew.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of the mean of squared gradients, one for each block

    Examples
    --------
    >>> w = np.ones((2, 2))
    >>> opt = fastopt.AdamMini([w], lr=0.5)
    >>> opt.step([np.array([[3.0, -3.0], [4.0, -4.0]])])
    True
    >>> w.round(6)
    array([[0.5, 1.5],
           [0.5, 1.5]])
    """

    facts = Facts(
        paper="arXiv:2406.16793",
        kind="factored",
        good_for="transformers, with half of Adam's memory",
        states={
            "m": "running mean of gradients",
            "v": "running mean of the mean of squared gradients, one for each block",
        },
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    block: str = choice("row", "array", "element", default="row")

    spread = ("block",)
    rule = staticmethod(adam_mini)
    reduced: ClassVar = (adam_mini_squares,)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Shapes:
        each = {"row": of_rows(p), "array": (1,) * p.ndim, "element": p.shape}
        return {"v": each[h.block]}

    @classmethod
    def form(cls, h: Values) -> str:
        return str(h.block)

    @classmethod
    def spreads(cls, h: Values, p: Array) -> Shapes:
        return {"block": cls.shapes(h, p)["v"]}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        unbias, step = 1.0 / sqrt(1.0 - power(beta2, t)), h.lr / (1.0 - power(beta1, t))
        return AdamMiniCoefficients(beta1, 1.0 - beta1, unbias, h.eps, step)

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        if found.number == 1:
            sums = found.sums["block"]
            means = sums / (found.size // sums.size)
            v = found.kept["v"] = mixed(found.kept["v"], 1.0 - h.betas[1], means)
            found.spread["block"][...] = v


@shipped
class RowwiseAdagrad(Optimizer):
    """Row-wise Adagrad: one sum of squares for each row, for embeddings.

    ::

        v = v + mean(g * g)                                    of each row
        p = p - lr * g / (sqrt(v) + eps)

    Rows lie along the first axis; those of a vector are its elements. It is what recommender systems
    train their tables with (FBGEMM).

    Mudigere et al., *Software-hardware co-design for fast and scalable training of deep learning
    recommendation models* (arXiv:2104.05158).

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    eps : float >= 0
        Added to the root.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    v : sum of the means of squared gradients, one for each row

    Examples
    --------
    >>> w = np.ones((2, 2))
    >>> opt = fastopt.RowwiseAdagrad([w], lr=0.5)
    >>> opt.step([np.array([[3.0, -3.0], [4.0, -4.0]])])
    True
    >>> w.round(6)
    array([[0.5, 1.5],
           [0.5, 1.5]])
    """

    facts = Facts(
        paper="arXiv:2104.05158",
        kind="factored",
        good_for="large embeddings",
        states={"v": "sum of the means of squared gradients, one for each row"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)

    spread = ("row",)
    rule = staticmethod(rowwise_adagrad)
    reduced: ClassVar = (rowwise_adagrad_squares,)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Shapes:
        return {"v": of_rows(p)}

    @classmethod
    def spreads(cls, h: Values, p: Array) -> Shapes:
        return {"row": of_rows(p)}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return RowwiseAdagradCoefficients(h.eps, h.lr)

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        if found.number == 1:
            sums, before = found.sums["row"], found.kept["v"]
            v = found.kept["v"] = (before + sums / (found.size // sums.size)).astype(before.dtype)
            found.spread["row"][...] = v
