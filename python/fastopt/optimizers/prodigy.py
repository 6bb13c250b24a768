"""Prodigy."""

from collections import namedtuple
from math import inf
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Measured,
    Scheduled,
    ScheduledOrNone,
    ScheduledPair,
    Values,
    flag,
    measurement,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def prodigy_direction(p: Any, g: Any, m: Any, v: Any, s: Any, start: Any, c: Any) -> Any:
    """Return how far the gradient points back to the start, and the size of the sum of gradients."""
    start = start + c.begin * (p - start)
    s = np.abs(c.beta3 * s + c.take3 * g)
    p = c.weight * g * (start - p)
    return p, m, v, s, start


@shipped
def prodigy(p: Any, g: Any, m: Any, v: Any, s: Any, start: Any, c: Any) -> Any:
    """Step as Adam does, by the distance that is estimated."""
    start = start + c.begin * (p - start)
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    s = c.beta3 * s + c.take3 * g
    p = c.keep * p - c.step * m / (np.sqrt(v) + c.eps)
    return p, m, v, s, start


ProdigyCoefficients = namedtuple(
    "ProdigyCoefficients", "begin beta1 take1 beta2 take2 beta3 take3 weight keep step eps"
)


@shipped
class Prodigy(Optimizer):
    """Prodigy: Adam, whose learning rate follows from an estimate of the distance to the solution.

    ::

        dlr = d * lr * sqrt(1 - beta2^t) / (1 - beta1^t)              the fraction only if asked for
        r = beta3 * r + d / d0 * dlr * sum(g * (p0 - p))              over all parameters
        m = beta1 * m + d * (1 - beta1) * g
        v = beta2 * v + d^2 * (1 - beta2) * g * g
        s = beta3 * s + d / d0 * dlr * g
        d' = d_coef * r / sum(abs(s))                                  over all parameters
        d_max = max(d_max, d')                                         and d, as long as that is d0
        d_next = min(d_max, d * growth_rate)
        p = p * (1 - dlr * weight_decay) - dlr * m / (sqrt(v) + d_next * eps)

    p0 is the parameter before its first step; beta3 is sqrt(beta2) if nothing is said.

    Mishchenko and Defazio, *Prodigy: an expeditiously adaptive parameter-free learner*
    (arXiv:2306.06101). As the authors' package, which leaves out a step where all gradients have been
    0: here it is counted. One estimate holds for all groups; it begins with the d0, and grows with the
    betas, of the first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    beta3 : float >= 0 and < 1, optional
        How much of the sums is kept that the estimate is made of.
    eps : float >= 0
        Added to the root, times the estimate.
    weight_decay : float >= 0
        Shrinks the parameter by ``dlr * weight_decay`` before the step.
    decoupled_weight_decay : bool
        Or, if False, is added to the gradient.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    d_coef : float > 0
        Factor of later estimates: 0.5 or 2, where training is slow or diverges.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    use_bias_correction : bool
        Correct the moments for what they begin with, as Adam does.
    safeguard_warmup : bool
        Leave lr out of s, for schedules that begin near 0.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    s : running sum of gradients
    start : the parameter before the first step

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.Prodigy([w], d0=0.1)
    >>> for _ in range(60):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2306.06101",
        kind="learning-rate-free",
        good_for="training without a search for the learning rate",
        states={
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
            "s": "running sum of gradients",
            "start": "the parameter before the first step",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    beta3: ScheduledOrNone = number(default=None, at_least=0.0, below=1.0, optional=True)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)
    d0: float = number(default=1e-6, above=0.0)
    d_coef: Scheduled = number(default=1.0, above=0.0)
    growth_rate: ScheduledOrNone = number(default=None, at_least=1.0, optional=True)
    use_bias_correction: bool = flag(default=False)
    safeguard_warmup: bool = flag(default=False)

    carried: ClassVar = {"d": measurement(), "d_max": measurement(), "r": measurement(at_least=-inf)}
    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    rule = staticmethod(prodigy)
    direction = staticmethod(prodigy_direction)
    sums: ClassVar = {"p": "values", "s": "values"}

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), d = h.betas, carried.d or h.d0
        step = d * h.lr
        if h.use_bias_correction:
            step *= sqrt(1.0 - power(beta2, t)) / (1.0 - power(beta1, t))
        beta3 = sqrt(beta2) if h.beta3 is None else h.beta3
        return ProdigyCoefficients(
            *(1.0 if t == 1 else 0.0, beta1, d * (1.0 - beta1), beta2, d * d * (1.0 - beta2)),
            *(beta3, d / h.d0 * (d if h.safeguard_warmup else step), d / h.d0 * step),
            *(1.0 - step * h.weight_decay if h.decoupled_weight_decay else 1.0, step, d * h.eps),
        )

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        d = carried.d or h.d0
        if measured.sums["s"] != 0.0:
            carried.r = c.beta3 * carried.r + measured.sums["p"]
            found = h.d_coef * carried.r / measured.sums["s"]
            grown = max(d, found) if d == h.d0 else d
            carried.d_max = max(carried.d_max or h.d0, found)
            limit = inf if h.growth_rate is None else grown * h.growth_rate
            d = min(carried.d_max, limit)
        carried.d = d

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        return c._replace(eps=carried[0].d * h.eps)
