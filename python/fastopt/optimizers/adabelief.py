"""AdaBelief."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    RuleFunction,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    flag,
    maximum,
    number,
    pair,
    select,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer
from fastopt.optimizers.radam import RectifiedCoefficients, rectification, steps


@shipped
def adabelief(p: Any, g: Any, m: Any, s: Any, c: Any) -> Any:
    """Divide the first moment by the root of the second moment of what it did not foresee."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    d = g - m
    s = c.beta2 * s + c.one_minus_beta2 * d * d + c.eps_root
    divisor = select(c.adaptive >= c.one, np.sqrt(s) * c.unbias + c.eps, c.one)
    p = p - (c.step_g * g + c.step_m * m) / divisor
    return p, m, s


@shipped
def adabelief_amsgrad(p: Any, g: Any, m: Any, s: Any, s_max: Any, c: Any) -> Any:
    """Divide by the root of the largest of these moments so far."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    d = g - m
    s = c.beta2 * s + c.one_minus_beta2 * d * d + c.eps_root
    s_max = maximum(s_max, s)
    p = p - (c.step_g * g + c.step_m * m) / (np.sqrt(s_max) * c.unbias + c.eps)
    return p, m, s, s_max


AdabeliefAmsgradCoefficients = namedtuple(
    "AdabeliefAmsgradCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 step_g step_m eps_root unbias eps",
)


@shipped
class AdaBelief(Optimizer):
    """AdaBelief, as in timm and optax: long steps where the gradient is what its running mean foresaw.

    ::

        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m)^2 + eps_root
        s_max = max(s_max, s)                          amsgrad, in place of s below
        m_hat = m / (1 - beta1^t)
        p = p - lr * m_hat / (sqrt(s / (1 - beta2^t)) + eps)

    Zhuang et al., *AdaBelief optimizer: adapting stepsizes by the belief in observed gradients*
    (arXiv:2010.07468). Differs from timm: rectification is off by default, as under the name
    "adabelief" there; and amsgrad is refused together with it, which timm computes and does not use.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root. timm and the authors have one value for this and eps_root.
    eps_root : float >= 0
        Added to s at each step, where it stays.
    amsgrad : bool
        Divide by the root of the largest s so far.
    rectify : bool
        Rectify as `RAdam` does with its defaults: ``lr * rect * sqrt(1 - beta2^t) * m_hat / (sqrt(s) +
        eps)``, and ``lr * m_hat`` in the steps before.
    nesterov : bool
        Mix the gradient into the first moment, as of `RAdam`.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    s : running mean of squared differences of gradient and m
    s_max : largest s so far, with amsgrad

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdaBelief([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.88888889, 1.11111111])
    """

    facts = Facts(
        paper="arXiv:2010.07468",
        kind="adaptive",
        good_for="what Adam is good for; generative networks",
        states={
            "m": "running mean of gradients",
            "s": "running mean of squared differences of gradient and m",
            "s_max": "largest s so far, with amsgrad",
        },
        few_bits={"m": "signed", "s": "unsigned", "s_max": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-16, at_least=0.0)
    eps_root: Scheduled = number(default=1e-16, at_least=0.0)
    amsgrad: bool = flag(default=False)
    rectify: bool = flag(default=False)
    nesterov: bool = flag(default=False)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.amsgrad and h.rectify:
            raise ValueError(
                "rectify=True corrects the step by the variance of s, and amsgrad=True divides by the "
                "largest s: set amsgrad=False"
            )

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return adabelief_amsgrad if h.amsgrad else adabelief

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step_g, step_m = steps(h, t)
        root, unbias, adaptive = sqrt(1.0 - power(beta2, t)), 1.0, 1.0
        if not h.rectify:
            unbias = 1.0 / root
        else:
            factor = rectification(beta2, t, 5.0)
            if factor > 0.0:
                step_g, step_m = factor * root * step_g, factor * root * step_m
            else:
                adaptive = 0.0
        given = (beta1, 1.0 - beta1, beta2, 1.0 - beta2, step_g, step_m, h.eps_root, unbias, h.eps)
        if h.amsgrad:
            return AdabeliefAmsgradCoefficients(*given)
        return RectifiedCoefficients(*given, adaptive, 1.0)
