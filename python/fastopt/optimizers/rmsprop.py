"""RMSprop: plain, centered, with momentum, with Nesterov's momentum, and both."""

from collections import namedtuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    RuleFunction,
    Scheduled,
    Values,
    choice,
    flag,
    nonnegative,
    number,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer
from fastopt.optimizers.sgd import momentum_ahead


@shipped
def rmsprop(p: Any, g: Any, v: Any, c: Any) -> Any:
    """Divide by a running root mean square of the gradient."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    p = p - c.lr * g / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    return p, v


@shipped
def rmsprop_momentum(p: Any, g: Any, v: Any, b: Any, c: Any) -> Any:
    """Keep a buffer of the divided gradients."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    b = c.mu * b + c.take * g / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    p = p - c.lr * b
    return p, v, b


@shipped
def rmsprop_nesterov(p: Any, g: Any, v: Any, b: Any, c: Any) -> Any:
    """Look one buffer update ahead."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    d = c.take * g / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    b = c.mu * b + d
    p = p - c.lr * (d + c.mu * b)
    return p, v, b


@shipped
def rmsprop_centered(p: Any, g: Any, v: Any, g_mean: Any, c: Any) -> Any:
    """Divide by the gradient's standard deviation; rounding can make its variance no less than 0."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    g_mean = c.alpha * g_mean + c.one_minus_alpha * g
    variance = nonnegative(v - c.correct_mean * g_mean * g_mean)
    p = p - c.lr * g / (np.sqrt(variance + c.eps_root) * c.unbias + c.eps)
    return p, v, g_mean


@shipped
def rmsprop_centered_momentum(p: Any, g: Any, v: Any, g_mean: Any, b: Any, c: Any) -> Any:
    """Do both."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    g_mean = c.alpha * g_mean + c.one_minus_alpha * g
    variance = nonnegative(v - c.correct_mean * g_mean * g_mean)
    b = c.mu * b + c.take * g / (np.sqrt(variance + c.eps_root) * c.unbias + c.eps)
    p = p - c.lr * b
    return p, v, g_mean, b


@shipped
def rmsprop_centered_nesterov(p: Any, g: Any, v: Any, g_mean: Any, b: Any, c: Any) -> Any:
    """Do all."""
    v = c.alpha * v + c.one_minus_alpha * g * g
    g_mean = c.alpha * g_mean + c.one_minus_alpha * g
    variance = nonnegative(v - c.correct_mean * g_mean * g_mean)
    d = c.take * g / (np.sqrt(variance + c.eps_root) * c.unbias + c.eps)
    b = c.mu * b + d
    p = p - c.lr * (d + c.mu * b)
    return p, v, g_mean, b


# take is the factor of what enters the buffer
RmspropCoefficients = namedtuple(
    "RmspropCoefficients", "alpha one_minus_alpha correct_mean eps_root unbias eps lr mu take"
)


@shipped
class RMSprop(Optimizer):
    """RMSprop, as ``torch.optim.RMSprop``: plain, centered, with momentum, or both.

    ::

        v = alpha * v + (1 - alpha) * g * g
        g_mean = alpha * g_mean + (1 - alpha) * g     centered
        d = g / (sqrt(v - g_mean * g_mean) + eps)     without g_mean if not centered
        b = momentum * b + d                          b = d without momentum
        p = p - lr * b                                nesterov: p - lr * (d + momentum * b)

    Tieleman and Hinton, *Neural networks for machine learning*, lecture 6.5 (2012); centered: Graves,
    *Generating sequences with recurrent neural networks* (arXiv:1308.0850). Differs from PyTorch where
    rounding makes ``v - g_mean * g_mean`` negative: it is 0 then, and not NaN.

    Parameters
    ----------
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
    eps_placement : {"outside", "inside"}
        Where eps is added: ``sqrt(v) + eps`` or ``sqrt(v + eps)``, as in Keras, optax and TensorFlow 1.
    lr_in_buffer : bool
        Add lr * d to the buffer and not d; a new learning rate then acts on new gradients alone.
    nesterov : bool
        Step along ``d + momentum * b``; needs a momentum.
    bias_correction : bool
        Divide the running means by ``1 - alpha^t``; needs alpha < 1.
    initial_accumulator_value : float >= 0
        What v begins with: 0, or 1 in TensorFlow 1.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    v : running mean of squared gradients
    g_mean : running mean of gradients, if centered
    b : buffer of divided gradients, with momentum

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.RMSprop([w], lr=0.1, alpha=0.75)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.8, 1.2])
    """

    facts = Facts(
        paper="Tieleman and Hinton, lecture 6.5 (2012); centered: arXiv:1308.0850",
        kind="adaptive",
        good_for="recurrent networks, reinforcement learning",
        states={
            "v": "running mean of squared gradients",
            "g_mean": "running mean of gradients, if centered",
            "b": "buffer of divided gradients, with momentum",
        },
        few_bits={"v": "unsigned", "b": "signed"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    alpha: Scheduled = number(default=0.99, at_least=0.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    momentum: Scheduled = number(default=0.0, at_least=0.0)
    centered: bool = flag(default=False)
    eps_placement: str = choice("outside", "inside", default="outside")
    lr_in_buffer: bool = flag(default=False)
    nesterov: bool = flag(default=False)
    bias_correction: bool = flag(default=False)
    initial_accumulator_value: Scheduled = number(default=0.0, at_least=0.0, initial=True)

    ahead = staticmethod(momentum_ahead)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.nesterov and h.momentum == 0.0:
            raise ValueError("nesterov=True needs momentum > 0; it is 0")
        if h.bias_correction and h.alpha >= 1.0:
            raise ValueError(f"bias_correction=True needs alpha < 1; it is {h.alpha:g}")
        asked = h.state_dtype
        if h.centered and (asked if isinstance(asked, str) else asked.get("v", "float32")) != "float32":
            raise ValueError(
                "centered=True takes the square of g_mean from v, of which little is left: v has to "
                'be exact. Give state_dtype={"b": "8bit"} for the buffer alone, or leave it out'
            )

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return h.initial_accumulator_value if name == "v" else 0.0

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        if h.momentum == 0.0:
            return rmsprop_centered if h.centered else rmsprop
        if h.nesterov:
            return rmsprop_centered_nesterov if h.centered else rmsprop_nesterov
        return rmsprop_centered_momentum if h.centered else rmsprop_momentum

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        left = 1.0 - power(h.alpha, t) if h.bias_correction else 1.0
        inside, outside = (h.eps, 0.0) if h.eps_placement == "inside" else (0.0, h.eps)
        take, lr = (h.lr, 1.0) if h.lr_in_buffer and h.momentum > 0.0 else (1.0, h.lr)
        kept = (h.alpha, 1.0 - h.alpha, 1.0 / left)
        divisor = (inside * left, 1.0 / sqrt(left), outside)
        return RmspropCoefficients(*kept, *divisor, lr, h.momentum, take)
