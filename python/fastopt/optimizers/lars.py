"""LARS."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import (
    Facts,
    Measured,
    RuleFunction,
    Scheduled,
    Values,
    flag,
    number,
    shipped,
)
from fastopt.optimizer import Optimizer


@shipped
def lars(p: Any, g: Any, c: Any) -> Any:
    """Descend along the scaled gradient with its decay."""
    return p - c.lr * (c.ratio * (g + c.decay * p))


@shipped
def lars_gradient(p: Any, g: Any, c: Any) -> Any:
    """Return the gradient, which is measured."""
    return g


@shipped
def lars_momentum(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Descend along a buffer of scaled gradients, or one update ahead of it."""
    g = c.ratio * (g + c.decay * p)
    b = c.mu * b + c.take * g
    p = p - (c.step_g * g + c.step_b * b)
    return p, b


@shipped
def lars_momentum_gradient(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Return the gradient, which is measured."""
    return g, b


LarsCoefficients = namedtuple("LarsCoefficients", "ratio decay lr")
LarsMomentumCoefficients = namedtuple("LarsMomentumCoefficients", "ratio decay mu take step_g step_b")


@shipped
class LARS(Optimizer):
    """LARS: SGD with momentum, whose gradient is as long as a share of each array.

    ::

        ratio = trust_coefficient * norm(p) / (norm(g) + weight_decay * norm(p) + eps)
        u = ratio * (g + weight_decay * p)                     ratio is 1 where a norm is 0
        b = momentum * b + (1 - dampening) * u                 b = u at the first step
        p = p - lr * b,  or  p - lr * (u + momentum * b)       nesterov

    You, Gitman and Ginsburg, *Large batch training of convolutional networks* (arXiv:1708.03888), in
    the form of timm and apex. optax measures ``g + weight_decay * p`` instead of the two.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0
        How much of the buffer is kept; 0 has no buffer.
    dampening : float
        The share of the scaled gradient that does not enter the buffer.
    nesterov : bool
        Step along ``u + momentum * b``; needs a momentum, and no dampening.
    trust_coefficient : float >= 0
        The share of an array by which it may change.
    eps : float >= 0
        Added to the norms.
    weight_decay : float >= 0
        Added to the gradient, and measured with it.
    decoupled_weight_decay : bool
        Shrink the parameter by ``lr * weight_decay`` before the step instead.
    trust_clip : bool
        Limit the ratio so that no array changes more than by SGD (LARC): ``min(ratio / lr, 1)``.
    always_adapt : bool
        Scale also where the weight decay is 0, as the paper does; timm does not, unless it is told.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b : buffer of scaled gradients, with momentum

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.LARS([w], lr=1.0, trust_coefficient=0.1)
    >>> opt.step([np.array([0.6, -0.8])])
    True
    >>> w.round(4)
    array([2.7, 4.4])
    """

    facts = Facts(
        paper="arXiv:1708.03888",
        kind="layerwise",
        good_for="convolutional networks with very large batches",
        states={"b": "buffer of scaled gradients, with momentum"},
        few_bits={"b": "signed"},
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    momentum: Scheduled = number(default=0.9, at_least=0.0)
    dampening: Scheduled = number(default=0.0)
    nesterov: bool = flag(default=False)
    trust_coefficient: Scheduled = number(default=1e-3, at_least=0.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    trust_clip: bool = flag(default=False)
    always_adapt: bool = flag(default=True)

    decays = False  # the rule itself, where it is not decoupled

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.nesterov and (h.momentum == 0.0 or h.dampening != 0.0):
            raise ValueError(
                f"nesterov=True needs momentum > 0 and dampening = 0; they are {h.momentum:g} and "
                f"{h.dampening:g}: give momentum=0.9, dampening=0.0"
            )

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return lars if h.momentum == 0.0 else lars_momentum

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return lars_gradient if h.momentum == 0.0 else lars_momentum_gradient

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        decay = 0.0 if h.decoupled_weight_decay else h.weight_decay
        if h.momentum == 0.0:
            return LarsCoefficients(1.0, decay, h.lr)
        take = 1.0 if t == 1 else 1.0 - h.dampening
        steps = (h.lr, h.lr * h.momentum) if h.nesterov else (0.0, h.lr)
        return LarsMomentumCoefficients(1.0, decay, h.momentum, take, *steps)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        gradient, weight = measured.direction, measured.weight
        if not (weight > 0.0 and gradient > 0.0) or not (h.always_adapt or h.weight_decay):
            return c
        ratio = h.trust_coefficient * weight / (gradient + c.decay * weight + h.eps)
        if h.trust_clip:
            ratio = min(ratio / h.lr, 1.0) if h.lr > 0.0 else 1.0
        return c._replace(ratio=ratio)
