"""LaProp."""

from collections import namedtuple
from typing import Any, ClassVar

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
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


@shipped
def laprop(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Step along a running mean of gradients over the roots of their second moments."""
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    m = c.beta1 * m + c.step * g / (np.sqrt(v) * c.unbias + c.eps)
    p = p - c.scale * m
    return p, m, v


# step and scale hold the learning rate
LapropCoefficients = namedtuple(
    "LapropCoefficients", "beta1 beta2 one_minus_beta2 step unbias eps scale"
)


@shipped
class LaProp(Optimizer):
    """LaProp, as in timm: gradients are divided by the root of their moment before they are averaged.

    ::

        v = beta2 * v + (1 - beta2) * g * g
        m = beta1 * m + (1 - beta1) * lr * g / (sqrt(v / (1 - beta2^t)) + eps)
        lr_mean = beta1 * lr_mean + (1 - beta1) * lr
        p = p - lr / lr_mean * m
        p = p - lr * weight_decay * p

    Ziyin, Wang and Ueda, *LaProp: separating momentum and adaptivity in Adam* (arXiv:2002.04839).
    pytorch_optimizer adds eps to the root of v as it is.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the mean of divided gradients and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    decoupled_weight_decay : {"after", True, False, "fixed", "corrected", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of divided gradients, times the learning rate
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.LaProp([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:2002.04839",
        kind="adaptive",
        good_for="noisy gradients, and where beta1 is larger than the root of beta2",
        states={
            "m": "running mean of divided gradients, times the learning rate",
            "v": "running mean of squared gradients",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=4e-4, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-15, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default="after")

    carried: ClassVar = {"lr_mean": number(default=0.0, at_least=0.0)}
    rule = staticmethod(laprop)

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step, unbias = (1.0 - beta1) * h.lr, 1.0 / sqrt(1.0 - power(beta2, t))
        carried.lr_mean = beta1 * carried.lr_mean + step
        scale = h.lr / carried.lr_mean if carried.lr_mean > 0.0 else 0.0
        return LapropCoefficients(beta1, beta2, 1.0 - beta2, step, unbias, h.eps, scale)
