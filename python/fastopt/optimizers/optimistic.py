"""Optimistic SGD and Adam, for games and saddle points."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, Scheduled, ScheduledPair, Values, flag, number, pair, shipped
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def optimistic_sgd(p: Any, g: Any, g_prev: Any, c: Any) -> Any:
    """Descend along the gradient and its last change."""
    p = p - (c.step * g - c.step_prev * g_prev)
    return p, g


@shipped
def optimistic_adam(p: Any, g: Any, m: Any, v: Any, d_prev: Any, c: Any) -> Any:
    """Descend along Adam's direction and its last change."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    d = (c.take_g * g + c.take_m * m) / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    p = p - (c.step * d - c.step_prev * d_prev)
    return p, m, v, d


OptimisticSgdCoefficients = namedtuple("OptimisticSgdCoefficients", "step step_prev")


OptimisticAdamCoefficients = namedtuple(
    "OptimisticAdamCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 take_g take_m eps_root unbias eps step step_prev",
)


def steps(h: Values, t: int) -> tuple[float, float]:
    """Compute the factors of a direction and of the one before, which in the first step is the same."""
    now = h.alpha if t == 1 else h.alpha + h.beta
    before = 0.0 if t == 1 else h.beta
    return h.lr * now, h.lr * before


@shipped
class OptimisticSGD(Optimizer):
    """Optimistic gradient descent, as ``optax.optimistic_gradient_descent``.

    ::

        p = p - lr * ((alpha + beta) * g - beta * g_prev)     g_prev is g in the first step
        g_prev = g

    Daskalakis, Ilyas, Syrgkanis and Zeng, *Training GANs with optimism* (arXiv:1711.00141); the two
    factors: Mokhtari, Ozdaglar and Pattathil (arXiv:1901.08511). On ``x * y``, where plain descent goes
    around the saddle and away from it, this comes to it.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    alpha : float >= 0
        How much the gradient weighs.
    beta : float >= 0
        How much its last change weighs.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    g_prev : gradient of the step before

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.OptimisticSGD([w], lr=0.1)
    >>> for g in ([1.0, -2.0], [0.5, -2.0]):
    ...     _ = opt.step([np.array(g)])
    >>> w
    array([0.9, 1.4])
    """

    facts = Facts(
        paper="arXiv:1711.00141; arXiv:1901.08511",
        kind="momentum",
        good_for="games of two, such as GANs, and other saddle points",
        states={"g_prev": "gradient of the step before"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    alpha: Scheduled = number(default=1.0, at_least=0.0)
    beta: Scheduled = number(default=1.0, at_least=0.0)

    rule = staticmethod(optimistic_sgd)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return OptimisticSgdCoefficients(*steps(h, t))


@shipped
class OptimisticAdam(Optimizer):
    """Optimistic Adam, as ``optax.optimistic_adam_v2``.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat = m / (1 - beta1^t)
        m_hat = beta1 * m / (1 - beta1^(t+1)) + (1 - beta1) * g / (1 - beta1^t)    nesterov
        d = m_hat / (sqrt(v / (1 - beta2^t) + eps_root) + eps)
        p = p - lr * ((alpha + beta) * d - beta * d_prev)     d_prev is d in the first step
        d_prev = d

    Daskalakis, Ilyas, Syrgkanis and Zeng, *Training GANs with optimism* (arXiv:1711.00141).
    ``optax.optimistic_adam(lr, optimism)`` is ``beta=optimism / lr``.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    alpha : float >= 0
        How much Adam's direction weighs.
    beta : float >= 0
        How much its last change weighs.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    eps_root : float >= 0
        Added inside the root.
    nesterov : bool
        Mix the gradient into the first moment, as Nesterov's momentum does.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    d_prev : direction of the step before

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.OptimisticAdam([w], lr=0.1, nesterov=False)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:1711.00141",
        kind="adaptive",
        good_for="games of two, such as GANs, where Adam goes in circles",
        states={
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
            "d_prev": "direction of the step before",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    alpha: Scheduled = number(default=1.0, at_least=0.0)
    beta: Scheduled = number(default=1.0, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    eps_root: Scheduled = number(default=0.0, at_least=0.0)
    nesterov: bool = flag(default=True)

    rule = staticmethod(optimistic_adam)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        left1, left2 = 1.0 - power(beta1, t), 1.0 - power(beta2, t)
        taken = (0.0, 1.0 / left1)
        if h.nesterov:
            taken = ((1.0 - beta1) / left1, beta1 / (1.0 - power(beta1, t + 1)))
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        divisor = (h.eps_root * left2, 1.0 / sqrt(left2), h.eps)
        return OptimisticAdamCoefficients(*kept, *taken, *divisor, *steps(h, t))
