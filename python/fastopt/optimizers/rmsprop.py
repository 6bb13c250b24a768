"""RMSprop: plain, centered, with momentum, with both."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from fastopt.elementwise import nonnegative
from fastopt.hyperparameters import flag, number
from fastopt.optimizer import Optimizer
from fastopt.rules import RuleFunction


def rmsprop(p: Any, g: Any, v: Any, c: Any) -> Any:
    """Divide by a running root mean square of the gradient."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    p = p - c.lr * g / (np.sqrt(v + c.eps_root) + c.eps)
    return p, v


def rmsprop_momentum(p: Any, g: Any, v: Any, b: Any, c: Any) -> Any:
    """Keep a buffer of the divided gradients."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    b = c.mu * b + c.take * g / (np.sqrt(v + c.eps_root) + c.eps)
    p = p - c.lr * b
    return p, v, b


def rmsprop_centered(p: Any, g: Any, v: Any, g_mean: Any, c: Any) -> Any:
    """Divide by the gradient's standard deviation; rounding can make its variance no less than 0."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    g_mean = c.alpha * g_mean + c.one_minus_alpha * g
    variance = nonnegative(v - g_mean * g_mean)
    p = p - c.lr * g / (np.sqrt(variance + c.eps_root) + c.eps)
    return p, v, g_mean


def rmsprop_centered_momentum(p: Any, g: Any, v: Any, g_mean: Any, b: Any, c: Any) -> Any:
    """Do both."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    g_mean = c.alpha * g_mean + c.one_minus_alpha * g
    variance = nonnegative(v - g_mean * g_mean)
    b = c.mu * b + c.take * g / (np.sqrt(variance + c.eps_root) + c.eps)
    p = p - c.lr * b
    return p, v, g_mean, b


class RmspropCoefficients(NamedTuple):
    """Scalars of the rules without momentum; eps_root stands inside the square root."""

    alpha: float
    one_minus_alpha: float
    eps_root: float
    eps: float
    lr: float


class RmspropMomentumCoefficients(NamedTuple):
    """Scalars of the rules with momentum; take is the factor of what enters the buffer."""

    alpha: float
    one_minus_alpha: float
    eps_root: float
    eps: float
    lr: float
    mu: float
    take: float


class RMSprop(Optimizer):
    """RMSprop, as ``torch.optim.RMSprop``.

    ::

        v = alpha * v + (1 - alpha) * g * g
        g_mean = alpha * g_mean + (1 - alpha) * g     centered
        d = g / (sqrt(v - g_mean * g_mean) + eps)     without g_mean if not centered
        b = momentum * b + d                          b = d without momentum
        p = p - lr * b

    Tieleman and Hinton, *Neural networks for machine learning*, lecture 6.5 (2012); centered: Graves,
    *Generating sequences with recurrent neural networks* (arXiv:1308.0850). Differs from PyTorch where
    rounding makes ``v - g_mean * g_mean`` negative: it is 0 then, and not NaN.

    Parameters are those of `Optimizer` and

    lr : float >= 0
        Learning rate.
    alpha : float >= 0
        How much of the running means is kept.
    eps : float >= 0
        Added to the root.
    momentum : float >= 0
        How much of the buffer is kept; 0 has no buffer.
    centered : bool
        Divide by the standard deviation of the gradient.
    """

    lr: float = number(default=1e-2, at_least=0.0)
    alpha: float = number(default=0.99, at_least=0.0)
    eps: float = number(default=1e-8, at_least=0.0)
    momentum: float = number(default=0.0, at_least=0.0)
    centered: bool = flag(default=False)

    @classmethod
    def select_rule(cls, h: SimpleNamespace) -> RuleFunction:
        if h.momentum == 0.0:
            return rmsprop_centered if h.centered else rmsprop
        return rmsprop_centered_momentum if h.centered else rmsprop_momentum

    @staticmethod
    def coefficients(h: SimpleNamespace, t: int) -> NamedTuple:
        plain = (h.alpha, 1.0 - h.alpha, 0.0, h.eps, h.lr)
        if h.momentum == 0.0:
            return RmspropCoefficients(*plain)
        return RmspropMomentumCoefficients(*plain, h.momentum, 1.0)
