"""AdEMAMix and Simplified-AdEMAMix."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Scheduled,
    ScheduledOrNone,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    regularization,
    shipped,
)
from fastopt.numerics import exp, log, power, sqrt
from fastopt.optimizer import Optimizer

_LOG_OF_HALF = -0.6931471805599453
_NOT_LOG_OF_0 = 1e-8  # the authors'


@shipped
def ademamix(p: Any, g: Any, m: Any, n: Any, v: Any, c: Any) -> Any:
    """Step along a fast and a slow mean of gradients, over the root of the second moment."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    n = c.beta3 * n + c.one_minus_beta3 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - (c.step_m * m + c.step_n * n) / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    return p, m, n, v


@shipped
def simplified_ademamix(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Step along the gradient and a decaying sum of gradients, over the root of the second moment."""
    m = c.beta1 * m + g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - (c.step_g * g + c.lr * m) / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    return p, m, v


AdemamixCoefficients = namedtuple(
    "AdemamixCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 beta3 one_minus_beta3 "
    "step_m step_n eps_root unbias eps",
)


SimplifiedAdemamixCoefficients = namedtuple(
    "SimplifiedAdemamixCoefficients", "beta1 beta2 one_minus_beta2 step_g lr eps_root unbias eps"
)


@shipped
class AdEMAMix(Optimizer):
    """Adam with a second mean of gradients that remembers ten thousands of steps.

    ::

        m = beta1 * m + (1 - beta1) * g
        n = beta3_t * n + (1 - beta3_t) * g
        v = beta2 * v + (1 - beta2) * g * g
        d = (m / (1 - beta1^t) + alpha_t * n) / (sqrt(v / (1 - beta2^t) + eps_root) + eps)
        p = p - lr * d

        alpha_t = alpha * min(1, t / t_alpha)
        h_t = (1 - t / t_beta3) * h(beta1) + t / t_beta3 * h(beta3)      where t < t_beta3
        beta3_t = 0.5^(1 / h_t), with h(beta) = log(0.5) / log(beta + 1e-8)

    Pagliardini, Ablin and Grangier, *The AdEMAMix optimizer: better, faster, older* (arXiv:2409.03137).
    n has no bias correction, as in the paper. Both warm-ups are the authors' and optax's;
    pytorch_optimizer has one for both, and coupled weight decay as its default.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the fast mean and of the second moment is kept.
    beta3 : float >= 0 and < 1
        How much of the slow mean is kept.
    alpha : float >= 0
        How much the slow mean weighs beside the fast one.
    t_alpha : float > 0, or None
        How many steps alpha rises from 0; None: it is there from the first step on.
    t_beta3 : float > 0, or None
        How many steps the memory of the slow mean grows from that of the fast one; None: it is beta3
        from the first step on.
    eps : float >= 0
        Added to the root.
    eps_root : float >= 0
        Added inside the root.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : fast running mean of gradients
    n : slow running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdEMAMix([w], lr=0.1, beta3=0.9)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.85, 1.15])
    """

    facts = Facts(
        paper="arXiv:2409.03137",
        kind="adaptive",
        good_for="long training of transformers, in which old gradients still tell something",
        states={
            "m": "fast running mean of gradients",
            "n": "slow running mean of gradients",
            "v": "running mean of squared gradients",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    beta3: Scheduled = number(default=0.9999, at_least=0.0, below=1.0)
    alpha: Scheduled = number(default=5.0, at_least=0.0)
    t_alpha: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    t_beta3: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    eps_root: Scheduled = number(default=0.0, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*regularization.CONVENTIONS, default=True)

    rule = staticmethod(ademamix)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.t_beta3 is not None and max(h.betas[0], h.beta3) + _NOT_LOG_OF_0 >= 1.0:
            raise ValueError(
                f"betas[0] is {h.betas[0]!r} and beta3 {h.beta3!r}, and t_beta3 needs both to be "
                "< 1 - 1e-8, to find how long they remember: give betas=(0.9, 0.999), beta3=0.9999, or "
                "t_beta3=None"
            )

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        (beta1, beta2), beta3 = h.betas, h.beta3
        if h.t_beta3 is not None and t < h.t_beta3:
            share = t / h.t_beta3
            beta3 = exp(_LOG_OF_HALF / ((1.0 - share) * _half_life(beta1) + share * _half_life(beta3)))
        alpha = h.alpha if h.t_alpha is None else h.alpha * min(1.0, t / h.t_alpha)
        left2 = 1.0 - power(beta2, t)  # what the moment lacks of a whole mean
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2, beta3, 1.0 - beta3)
        steps = (h.lr / (1.0 - power(beta1, t)), h.lr * alpha)
        return AdemamixCoefficients(*kept, *steps, h.eps_root * left2, 1.0 / sqrt(left2), h.eps)


def _half_life(beta: float) -> float:
    """Compute the number of steps after which half of a running mean is left."""
    return _LOG_OF_HALF / log(beta + _NOT_LOG_OF_0)


@shipped
class SimplifiedAdEMAMix(Optimizer):
    """AdEMAMix with one buffer: a decaying sum of gradients, and the gradient itself.

    ::

        m = beta1 * m + g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * (alpha * g + m) / (sqrt(v / (1 - beta2^t) + eps_root) + eps)

    Morwani et al., *Connections between schedule-free optimizers, AdEMAMix, and accelerated SGD
    variants* (arXiv:2502.02431). m is a sum, up to ``1 / (1 - beta1)`` times as large as a mean: the
    learning rate is that much smaller than Adam's. As optax has it; pytorch_optimizer 4.1 takes a mean.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the sum and of the second moment is kept.
    alpha : float >= 0
        How much the gradient weighs beside the sum.
    eps : float >= 0
        Added to the root.
    eps_root : float >= 0
        Added inside the root.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : decaying sum of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.SimplifiedAdEMAMix([w], lr=0.01, alpha=9.0)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:2502.02431",
        kind="adaptive",
        good_for="what AdEMAMix is good for, in the memory of Adam; small batches",
        states={"m": "decaying sum of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-4, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.99, 0.95), below=1.0)
    alpha: Scheduled = number(default=0.0, at_least=0.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    eps_root: Scheduled = number(default=0.0, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*regularization.CONVENTIONS, default=True)

    rule = staticmethod(simplified_ademamix)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        left2 = 1.0 - power(beta2, t)
        divisor = (h.eps_root * left2, 1.0 / sqrt(left2), h.eps)
        return SimplifiedAdemamixCoefficients(beta1, beta2, 1.0 - beta2, h.lr * h.alpha, h.lr, *divisor)
