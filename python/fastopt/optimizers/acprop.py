"""ACProp."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    regularization,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def acprop(p: Any, g: Any, m: Any, s: Any, c: Any) -> Any:
    """Divide the gradient by the root of its variance up to the step before."""
    p = p - c.lr * g / (np.sqrt(s) * c.unbias + c.eps)
    away = g - m
    s = c.beta2 * s + c.one_minus_beta2 * away * away + c.eps_root
    m = c.beta1 * m + c.one_minus_beta1 * g
    return p, m, s


AcpropCoefficients = namedtuple(
    "AcpropCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 lr unbias eps eps_root"
)


@shipped
class ACProp(Optimizer):
    """ACProp: the gradient over the root of its variance, both of which know nothing of each other.

    ::

        p = p - lr * g / (sqrt(s / (1 - beta2^(t-1))) + eps)     the first step: lr * g / (1 + eps)
        s = beta2 * s + (1 - beta2) * (g - m)^2 + eps_root       with the mean of the steps before
        m = beta1 * m + (1 - beta1) * g

    Zhuang et al., *Momentum centering and asynchronous update for adaptive gradient methods*
    (arXiv:2110.05454). As optax has it, with the old mean in s; m is not what is stepped along.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the mean and of the variance is kept.
    eps : float >= 0
        Added to the root.
    eps_root : float >= 0
        Added to the variance in each step; it stays there.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    s : running mean of squared differences from m

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.ACProp([w], lr=0.1, betas=(0.0, 0.0))
    >>> for _ in range(2):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.8, 1.3])
    """

    facts = Facts(
        paper="arXiv:2110.05454",
        kind="adaptive",
        good_for="what AdaBelief is good for; GANs and reinforcement learning",
        states={
            "m": "running mean of gradients",
            "s": "running mean of squared differences from m",
        },
        few_bits={"m": "signed", "s": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-16, at_least=0.0)
    eps_root: Scheduled = number(default=1e-16, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*regularization.CONVENTIONS, default=True)

    rule = staticmethod(acprop)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        if t == 1:  # s is 0, and stands for 1
            return AcpropCoefficients(*kept, h.lr, 1.0, 1.0 + h.eps, h.eps_root)
        unbias = 1.0 / sqrt(1.0 - power(beta2, t - 1))
        return AcpropCoefficients(*kept, h.lr, unbias, h.eps, h.eps_root)
