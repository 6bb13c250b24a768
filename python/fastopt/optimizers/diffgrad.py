"""diffGrad."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    exponential,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def diffgrad(p: Any, g: Any, m: Any, v: Any, g_prev: Any, c: Any) -> Any:
    """Do as Adam, up to half as far where the gradient does not change."""
    friction = c.one / (c.one + exponential(-np.abs(g_prev - g)))
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.step * m * friction / (np.sqrt(v) + c.eps)
    return p, m, v, g


DiffgradCoefficients = namedtuple(
    "DiffgradCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 step eps one"
)


@shipped
class DiffGrad(Optimizer):
    """diffGrad: Adam whose steps are up to twice as short where the gradient does not change.

    ::

        friction = 1 / (1 + exp(-abs(g_prev - g)))     g_prev begins as 0
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * friction * m / (sqrt(v) + eps)

    Dubey et al., *diffGrad: an optimization method for convolutional neural networks*
    (arXiv:1909.11015). The exponential is computed without the machine's math library, so that its bits
    are the same everywhere.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root, before its bias correction.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    g_prev : gradient of the step before

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.DiffGrad([w], lr=0.1)
    >>> opt.step([np.array([1.0, -100.0])])
    True
    >>> w
    array([0.92689417, 1.1       ])
    """

    facts = Facts(
        paper="arXiv:1909.11015",
        kind="adaptive",
        good_for="image models, in place of Adam",
        states={
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
            "g_prev": "gradient of the step before",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)

    rule = staticmethod(diffgrad)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step = h.lr * sqrt(1.0 - power(beta2, t)) / (1.0 - power(beta1, t))
        return DiffgradCoefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, step, h.eps, 1.0)
