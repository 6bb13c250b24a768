"""MARS."""

from collections import namedtuple
from typing import Any, ClassVar

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Measured,
    RuleFunction,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    shipped,
    sign,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def mars_gradient(p: Any, g: Any, m: Any, v: Any, g_prev: Any, c: Any) -> Any:
    """Return the gradient, corrected by how it has changed, which is measured."""
    return g + c.change * (g - g_prev), m, v, g_prev


@shipped
def mars(p: Any, g: Any, m: Any, v: Any, g_prev: Any, c: Any) -> Any:
    """Step as Adam does, with that gradient, limited."""
    corrected = c.limit * (g + c.change * (g - g_prev))
    m = c.beta1 * m + c.take1 * corrected
    v = c.beta2 * v + c.take2 * corrected * corrected
    p = p - c.step * m / (np.sqrt(v) * c.unbias + c.eps)
    return p, m, v, g


@shipped
def mars_lion_gradient(p: Any, g: Any, m: Any, g_prev: Any, c: Any) -> Any:
    """Return the gradient, corrected by how it has changed, which is measured."""
    return g + c.change * (g - g_prev), m, g_prev


@shipped
def mars_lion(p: Any, g: Any, m: Any, g_prev: Any, c: Any) -> Any:
    """Step by the sign of a running mean of such gradients, limited."""
    m = c.beta1 * m + c.take1 * (c.limit * (g + c.change * (g - g_prev)))
    p = p - c.step * sign(m)
    return p, m, g


MarsCoefficients = namedtuple(
    "MarsCoefficients", "limit change beta1 take1 beta2 take2 unbias eps step"
)
MarsLionCoefficients = namedtuple("MarsLionCoefficients", "limit change beta1 take1 step")


@shipped
class MARS(Optimizer):
    """MARS: AdamW or Lion with gradients of less variance.

    ::

        x = g + gamma * beta1 / (1 - beta1) * (g - g_prev)     g_prev = 0 at the first step
        x = x / max(1, norm(x))
        m = beta1 * m + (1 - beta1) * x
        v = beta2 * v + (1 - beta2) * x * x
        p = p * (1 - lr * weight_decay)
        p = p - lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)        mars_type="adamw"
        p = p - lr * sign(m)                                                    mars_type="lion"

    The authors' package gives vectors to AdamW, with a rate of their own; here that is
    ``groups=fastopt.vectors_by_adamw``, or ``groups={"*.bias": {"algorithm": "adamw", "lr": 3e-3,
    "betas": (0.9, 0.95)}}``, and without groups it is ``optimize_1d=True``. timm has betas=(0.9, 0.99),
    and no correction at the first step.

    Yuan et al., *MARS: unleashing the power of variance reduction for training large models*
    (arXiv:2411.10438), with gradients of successive steps.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    gamma : float >= 0
        How much of the change of the gradient is added to it.
    mars_type : str
        The step: "adamw" or "lion", which has no second moment.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of corrected gradients
    v : running mean of their squares, with mars_type="adamw"
    g_prev : gradient of the step before

    Examples
    --------
    >>> w = np.ones((1, 2))
    >>> opt = fastopt.MARS([w], lr=0.1)
    >>> opt.step([np.array([[1.0, -2.0]])])
    True
    >>> w
    array([[0.9, 1.1]])
    """

    facts = Facts(
        paper="arXiv:2411.10438",
        kind="layerwise",
        good_for="large language models, in place of AdamW or Lion",
        states={
            "m": "running mean of corrected gradients",
            "v": 'running mean of their squares, with mars_type="adamw"',
            "g_prev": "gradient of the step before",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=3e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.95, 0.99), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    gamma: Scheduled = number(default=0.025, at_least=0.0)
    mars_type: str = choice("adamw", "lion", default="adamw")
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    sums: ClassVar = {"p": "squares"}

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return mars if h.mars_type == "adamw" else mars_lion

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return mars_gradient if h.mars_type == "adamw" else mars_lion_gradient

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        change = h.gamma * beta1 / (1.0 - beta1)
        if h.mars_type == "lion":
            return MarsLionCoefficients(1.0, change, beta1, 1.0 - beta1, h.lr)
        unbias, step = 1.0 / sqrt(1.0 - power(beta2, t)), h.lr / (1.0 - power(beta1, t))
        second = (beta2, 1.0 - beta2, unbias, h.eps, step)
        return MarsCoefficients(1.0, change, beta1, 1.0 - beta1, *second)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        return c._replace(limit=1.0 / measured.direction) if measured.direction > 1.0 else c
