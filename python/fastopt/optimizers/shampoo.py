"""Shampoo."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    RuleFunction,
    Scheduled,
    StageScalars,
    Values,
    number,
    regularization,
    shipped,
)
from fastopt.numerics import inverse_root, multiplied_along, squared_along
from fastopt.optimizers.as_whole import (
    Array,
    AsWhole,
    AsWholeCoefficients,
    as_whole,
    as_whole_gradient,
)


@shipped
def shampoo_direction(p: Any, g: Any, b: Any, o: Any, c: Any) -> Any:
    """Return a mix of the gradient and the last update, with the decay."""
    return c.take * g + c.momentum * b + c.decay * p, b, o


@shipped
def shampoo(p: Any, g: Any, b: Any, o: Any, c: Any) -> Any:
    """Step along what has become of it, and keep that."""
    p = p - c.step * o
    return p, o, o


ShampooCoefficients = namedtuple("ShampooCoefficients", "take momentum decay step")


def lengths(p: Array) -> tuple[int, ...]:
    """Return those of the axes; an array without any is a vector of one element."""
    return p.shape or (1,)


@shipped
class Shampoo(AsWhole):
    """Shampoo: gradients over roots of the sums of their products, along each axis.

    ::

        b = (1 - momentum) * g + momentum * b + weight_decay * p       at the first step g + ...
        P = P + B @ B.T                                        of each axis in turn: B has the slices
        b = P^(-1 / number of axes) times b, along that axis                    of b as rows
        p = p - lr * b

    P begins as ``eps`` times the identity, and its root is found anew every `update_freq` steps.

    Gupta et al., *Shampoo: preconditioned stochastic tensor optimization* (arXiv:1802.09568), as
    ``torch_optimizer.Shampoo``: sums are of what the axes before have made of the gradient, and b is
    what the last step went along. Eigenvectors and products are NumPy's LAPACK's and BLAS's. A vector
    of n elements has a matrix of n * n, so large ones, and embeddings, are for another algorithm:
    ``groups=fastopt.vectors_by_adamw``, or patterns of names.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        The share of the last update.
    eps : float > 0
        What the sums begin with, on their diagonals.
    update_freq : int >= 1
        The number of steps from one root to the next.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b : the last update, with momentum
    P0 : sum of products of slices along the first axis
    R0 : its inverse root
    P1 : the same along the next axis, and so on
    R1 : its inverse root

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.Shampoo([w], lr=0.1)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    True
    >>> w.round(3)
    array([[-0.1,  0. ],
           [ 0. ,  0.1]])
    """

    facts = Facts(
        paper="arXiv:1802.09568",
        kind="matrix",
        good_for="small layers and kernels, in fewer steps than Adagrad",
        states={
            "b": "the last update, with momentum",
            "P0": "sum of products of slices along the first axis",
            "R0": "its inverse root",
            "P1": "the same along the next axis, and so on",
            "R1": "its inverse root",
        },
    )

    lr: Scheduled = number(default=0.1, at_least=0.0)
    momentum: Scheduled = number(default=0.0, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-4, above=0.0)
    update_freq: Scheduled = number(default=1.0, at_least=1.0, whole=True)

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return as_whole if h.momentum == 0.0 else shampoo

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return as_whole_gradient if h.momentum == 0.0 else shampoo_direction

    @classmethod
    def stage_scalars(cls, h: Values) -> StageScalars:
        own = h.momentum > 0.0 and h.decoupled_weight_decay is False
        return regularization.scalars(h.but({"weight_decay": 0.0}) if own else h)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        each = enumerate(lengths(p))
        return {f"{name}{axis}": (length, length) for axis, length in each for name in "PR"}

    @classmethod
    def initial_state(cls, h: Values, name: str, p: Array) -> Any:
        return h.eps * np.eye(lengths(p)[int(name[1:])]) if name.startswith("P") else 0.0

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        if h.momentum == 0.0:
            return AsWholeCoefficients(h.lr)
        momentum = 0.0 if t == 1 else h.momentum
        decay = h.weight_decay if h.decoupled_weight_decay is False else 0.0
        return ShampooCoefficients(1.0 - momentum, momentum, decay, h.lr)

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        x = np.array(u, order="C").reshape(lengths(u))
        for axis in range(x.ndim):
            total = kept[f"P{axis}"] = kept[f"P{axis}"] + squared_along(x, axis)
            if (t - 1) % h.update_freq == 0:
                kept[f"R{axis}"] = inverse_root(total, x.ndim, h.eps)
            x = multiplied_along(x, axis, kept[f"R{axis}"])
        u[...] = x.reshape(u.shape)
