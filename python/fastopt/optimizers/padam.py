"""PAdam."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    RuleFunction,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def padam_half(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide the first moment by the root of the second."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.step * m / (np.sqrt(v) + c.eps)
    return p, m, v


@shipped
def padam_quarter(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide it by the root of that."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.step * m / np.sqrt(np.sqrt(v) + c.eps)
    return p, m, v


@shipped
def padam_eighth(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide it by the root of that again."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.step * m / np.sqrt(np.sqrt(np.sqrt(v) + c.eps))
    return p, m, v


PadamCoefficients = namedtuple(
    "PadamCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 step eps"
)

_RULES = {"1/2": padam_half, "1/4": padam_quarter, "1/8": padam_eighth}


@shipped
class PAdam(Optimizer):
    """Partially adaptive Adam: between Adam and SGD with momentum.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)^(2 * partial)

    Chen et al., *Closing the generalization gap of adaptive gradient methods in training deep neural
    networks* (arXiv:1806.06763). Differs from the authors' file: v is not the largest so
    far; and from pytorch_optimizer: partial is one of three, whose powers are roots of roots.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    partial : {"1/4", "1/2", "1/8"}
        How adaptive the step is; with "1/2" it is that of Adam, with eps_placement="hat".
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.PAdam([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.98221721, 1.02514867])
    """

    facts = Facts(
        paper="arXiv:1806.06763",
        kind="adaptive",
        good_for="image classifiers, with the learning rates of SGD",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=0.1, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    partial: str = choice("1/2", "1/4", "1/8", default="1/4")

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return _RULES[h.partial]

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step = h.lr * sqrt(1.0 - power(beta2, t)) / (1.0 - power(beta1, t))
        return PadamCoefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, step, h.eps)
