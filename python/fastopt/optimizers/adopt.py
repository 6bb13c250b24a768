"""ADOPT."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    bounded,
    choice,
    flag,
    maximum,
    number,
    pair,
    shipped,
)
from fastopt.numerics import real_power
from fastopt.optimizer import Optimizer


@shipped
def adopt(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Step along the mean of gradients, each divided by the root of the second moment before it."""
    u = bounded(g / maximum(np.sqrt(v), c.eps), c.limit)
    m = c.beta1 * m + c.one_minus_beta1 * u
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - (c.step_u * u + c.step_m * m)
    return p, m, v


# at the first step limit and beta2 are 0: v becomes the squared gradient, and nothing moves
AdoptCoefficients = namedtuple(
    "AdoptCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 eps limit step_u step_m"
)


@shipped
class ADOPT(Optimizer):
    """ADOPT, as in the authors' file: Adam that converges with any beta2.

    ::

        v = g * g                                      the first step, which moves nothing
        u = clip(g / max(sqrt(v), eps), (t - 1)^clip_exp)        the others, with v of the step before
        m = beta1 * m + (1 - beta1) * u
        p = p - lr * m
        v = beta2 * v + (1 - beta2) * g * g

    Taniguchi et al., *ADOPT: modified Adam can converge with any beta2 with the optimal rate*
    (arXiv:2411.02853). Differs from timm: clip_exp is 0.25 and not 0.333 by default, and decoupled
    weight decay shrinks the parameters at the first step too, as in optax. Where the first gradient is
    0, u is the limit for the next one that is larger than eps, however small it is.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float > 0
        The least that gradients are divided by.
    clip_exp : float >= 0 and <= 16
        The power of the number of steps before, by which u is limited.
    nesterov : bool
        Step along ``beta1 * m + (1 - beta1) * u``, as in optax.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of divided gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.ADOPT([w], lr=0.1)
    >>> for _ in range(2):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.99, 1.01])
    """

    facts = Facts(
        paper="arXiv:2411.02853",
        kind="adaptive",
        good_for="what Adam is good for, where its beta2 would have to be tuned",
        states={
            "m": "running mean of divided gradients",
            "v": "running mean of squared gradients",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.9999), below=1.0)
    eps: Scheduled = number(default=1e-6, above=0.0)
    clip_exp: Scheduled = number(default=0.25, at_least=0.0, at_most=16.0)
    nesterov: bool = flag(default=False)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    rule = staticmethod(adopt)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        limit = real_power(t - 1, h.clip_exp)
        if t == 1:
            beta2, limit = 0.0, 0.0
        steps = (h.lr * (1.0 - beta1), h.lr * beta1) if h.nesterov else (0.0, h.lr)
        return AdoptCoefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, h.eps, limit, *steps)
