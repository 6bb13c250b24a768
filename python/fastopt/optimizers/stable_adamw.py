"""StableAdamW."""

from collections import namedtuple
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from fastopt.algorithm import (
    Facts,
    Measured,
    Scheduled,
    ScheduledPair,
    Values,
    flag,
    maximum,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power
from fastopt.optimizer import Optimizer


@shipped
def stable_adamw(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide the first moment by the root of the second; the betas hold the bias corrections."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.shrink * p - c.step * m / (np.sqrt(v) + c.eps)
    return p, m, v


@shipped
def stable_adamw_excess(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Return the gradient over the root of its second moment, which is measured."""
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    return g / maximum(np.sqrt(v), c.eps), m, v


StableAdamwCoefficients = namedtuple(
    "StableAdamwCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 shrink step eps"
)


@shipped
class StableAdamW(Optimizer):
    """AdamW whose learning rate is lower for arrays whose gradients exceed their second moment.

    ::

        b = beta * (1 - beta^(t-1)) / (1 - beta^t)             of both betas: corrected for their bias
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        lr_t = lr / max(1, sqrt(mean(g * g / max(v, eps^2))))
        p = p - lr_t * weight_decay * p - lr_t * m / (sqrt(v) + eps)

    Wortsman et al., *Stable and low-precision training for large-scale vision-language models*
    (arXiv:2304.13013), in the form of torch-optimi: the decay is lower with the learning rate.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float > 0
        Added to the root.
    weight_decay : float >= 0
        How much the parameters shrink.
    decoupled_weight_decay : bool
        As above; if False, add ``weight_decay * p`` to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.StableAdamW([w], lr=0.1, weight_decay=0.0)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w.round(4)
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:2304.13013",
        kind="adaptive",
        good_for="large models, whose loss rises suddenly with AdamW",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0)
    eps: Scheduled = number(default=1e-6, above=0.0)
    weight_decay: Scheduled = number(default=1e-2, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)

    decays = True  # the rule itself, where it is decoupled
    rule = staticmethod(stable_adamw)
    direction = staticmethod(stable_adamw_excess)
    sums: ClassVar = {"p": "squares"}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = (beta * (1.0 - power(beta, t - 1)) / (1.0 - power(beta, t)) for beta in h.betas)
        return StableAdamwCoefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, 0.0, h.lr, h.eps)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        excess = measured.direction / sqrt(measured.size) if measured.size else 0.0
        lr = h.lr / max(1.0, excess)
        decay = h.weight_decay if h.decoupled_weight_decay else 0.0
        return c._replace(shrink=lr * decay, step=lr)
