"""LAMB."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Measured,
    Scheduled,
    ScheduledPair,
    Values,
    flag,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def lamb_direction(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Return Adam's direction with weight decay, which is measured."""
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    p = c.correct * m / (np.sqrt(v + c.eps_root) * c.unbias + c.eps) + c.decay * p
    return p, m, v


@shipped
def lamb(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Step along that direction; the ratio of the norms is in the step."""
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    p = p - c.step * (c.correct * m / (np.sqrt(v + c.eps_root) * c.unbias + c.eps) + c.decay * p)
    return p, m, v


LambCoefficients = namedtuple(
    "LambCoefficients", "beta1 take1 beta2 take2 correct eps_root unbias eps decay step"
)


@shipped
class LAMB(Optimizer):
    """LAMB: the step of each array is as long as a share of the array.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        u = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t) + eps_root) + eps) + weight_decay * p
        ratio = norm(p) / norm(u)                              1 where a norm is 0
        p = p - lr * ratio * u

    You et al., *Large batch optimization for deep learning: training BERT in 76 minutes*
    (arXiv:1904.00962). Many implementations limit the norm of all gradients to 1 first:
    ``global_clipnorm=1.0``.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    eps_root : float >= 0
        Added inside the root.
    weight_decay : float >= 0
        Added to the direction, before it is measured.
    decoupled_weight_decay : bool
        Shrink the parameter by ``lr * weight_decay`` before the step instead.
    bias_correction : bool
        Divide the moments by ``1 - beta^t``.
    grad_averaging : bool
        Multiply the gradient by ``1 - beta1`` in the first moment.
    trust_clip : bool
        Limit the ratio to 1 (LAMBC).
    always_adapt : bool
        Scale also where the weight decay is 0, as the paper does; timm does not, unless it is told.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.LAMB([w], lr=0.1)
    >>> opt.step([np.array([1.0, -1.0])])
    True
    >>> w.round(4)
    array([2.6464, 4.3536])
    """

    facts = Facts(
        paper="arXiv:1904.00962",
        kind="layerwise",
        good_for="very large batches",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-6, at_least=0.0)
    eps_root: Scheduled = number(default=0.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    bias_correction: bool = flag(default=True)
    grad_averaging: bool = flag(default=True)
    trust_clip: bool = flag(default=False)
    always_adapt: bool = flag(default=True)

    decays = False  # the rule itself, where it is not decoupled
    rule = staticmethod(lamb)
    direction = staticmethod(lamb_direction)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        take1 = 1.0 - beta1 if h.grad_averaging else 1.0
        decay = 0.0 if h.decoupled_weight_decay else h.weight_decay
        correct, eps_root, unbias = 1.0, h.eps_root, 1.0
        if h.bias_correction:
            left2 = 1.0 - power(beta2, t)
            correct, eps_root, unbias = (
                1.0 / (1.0 - power(beta1, t)),
                eps_root * left2,
                1.0 / sqrt(left2),
            )
        return LambCoefficients(
            beta1, take1, beta2, 1.0 - beta2, correct, eps_root, unbias, h.eps, decay, h.lr
        )

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        direction, weight = measured.direction, measured.weight
        if not (weight > 0.0 and direction > 0.0) or not (h.always_adapt or h.weight_decay):
            return c
        ratio = weight / direction
        return c._replace(step=c.step * (min(ratio, 1.0) if h.trust_clip else ratio))
