"""AdaBound, AMSBound and AdaMod: Adam with a bound of each element's learning rate."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    RuleFunction,
    Scheduled,
    ScheduledOrNone,
    ScheduledPair,
    Values,
    choice,
    clip,
    flag,
    maximum,
    minimum,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def adabound(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Limit what the first moment is multiplied by."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - clip(c.step / (np.sqrt(v) + c.eps), c.low, c.high) * m
    return p, m, v


@shipped
def amsbound(p: Any, g: Any, m: Any, v: Any, v_max: Any, c: Any) -> Any:
    """Do the same with the largest second moment so far."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    v_max = maximum(v_max, v)
    p = p - clip(c.step / (np.sqrt(v_max) + c.eps), c.low, c.high) * m
    return p, m, v, v_max


@shipped
def adamod(p: Any, g: Any, m: Any, v: Any, e: Any, c: Any) -> Any:
    """Limit it by its own running mean."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    rate = c.step / (np.sqrt(v) + c.eps)
    e = c.beta3 * e + c.one_minus_beta3 * rate
    p = p - minimum(rate, e) * m
    return p, m, v, e


# step holds both bias corrections
AdaboundCoefficients = namedtuple(
    "AdaboundCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 step eps low high"
)


AdamodCoefficients = namedtuple(
    "AdamodCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 beta3 one_minus_beta3 step eps"
)


@shipped
class AdaBound(Optimizer):
    """AdaBound, as in the authors' file: Adam that becomes SGD; with an option AMSBound.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v_max, v)                          amsbound, in place of v below
        rate = lr * sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps)
        end = final_lr * lr / base_lr
        p = p - clip(rate, end * (1 - 1 / (gamma * t + 1)), end * (1 + 1 / (gamma * t))) * m

    Luo et al., *Adaptive gradient methods with dynamic bound of learning rate* (arXiv:1902.09843).
    Differs from the authors' file: base_lr is an option, and not the lr at construction.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    final_lr : float >= 0
        The learning rate of SGD, to which both bounds go.
    gamma : float > 0
        How fast they do.
    base_lr : float > 0, or None
        The lr for which final_lr is meant: with a schedule of lr the bounds rise and fall too. None:
        they stay those of final_lr whatever lr is.
    eps : float >= 0
        Added to the root.
    amsbound : bool
        Divide by the root of the largest v so far.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    v_max : largest v so far, with amsbound

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdaBound([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.90000003, 1.09999998])
    """

    facts = Facts(
        paper="arXiv:1902.09843",
        kind="adaptive",
        good_for="image classifiers: fast as Adam first, and ends as SGD",
        states={
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
            "v_max": "largest v so far, with amsbound",
        },
        few_bits={"m": "signed", "v": "unsigned", "v_max": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    final_lr: Scheduled = number(default=0.1, at_least=0.0)
    gamma: Scheduled = number(default=1e-3, above=0.0)
    base_lr: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    amsbound: bool = flag(default=False)

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return amsbound if h.amsbound else adabound

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        end = h.final_lr if h.base_lr is None else h.final_lr * h.lr / h.base_lr
        low, high = end * (1.0 - 1.0 / (h.gamma * t + 1.0)), end * (1.0 + 1.0 / (h.gamma * t))
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        return AdaboundCoefficients(*kept, _step(h, t), h.eps, low, high)


@shipped
class AdaMod(Optimizer):
    """AdaMod, as in torch_optimizer: Adam whose steps grow no faster than their running mean.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        rate = lr * sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps)
        e = beta3 * e + (1 - beta3) * rate
        p = p - min(rate, e) * m

    Ding et al., *An adaptive and momental bound method for stochastic learning* (arXiv:1910.12249).
    The mean is not corrected for the zeros before: first steps are short. Differs from torch_optimizer
    in the defaults of betas and beta3, which are those of pytorch_optimizer.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    beta3 : float >= 0 and < 1
        How much of the mean of rates is kept.
    eps : float >= 0
        Added to the root.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    e : running mean of rates

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdaMod([w], lr=0.1, beta3=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.95, 1.05])
    """

    facts = Facts(
        paper="arXiv:1910.12249",
        kind="adaptive",
        good_for="transformers without a warm-up of the learning rate",
        states={
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
            "e": "running mean of rates",
        },
        few_bits={"m": "signed", "v": "unsigned", "e": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0, third="beta3")
    beta3: Scheduled = number(default=0.9999, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    rule = staticmethod(adamod)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        (beta1, beta2), beta3 = h.betas, h.beta3
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2, beta3, 1.0 - beta3)
        return AdamodCoefficients(*kept, _step(h, t), h.eps)


def _step(h: Values, t: int) -> float:
    corrected: float = h.lr * sqrt(1.0 - power(h.betas[1], t)) / (1.0 - power(h.betas[0], t))
    return corrected
