"""DAdaptAdan."""

from collections import namedtuple
from typing import Any, ClassVar

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
from fastopt.optimizers.dadaptation import DAdaptation


@shipped
def dadapt_adan_direction(
    p: Any, g: Any, m: Any, v: Any, n: Any, s: Any, g_prev: Any, grad: Any, c: Any
) -> Any:
    """Return squares of the mean of gradients and of the gradient, divided, and the mean's size."""
    d = c.change * (g - g_prev)
    ahead = g + c.beta2 * d
    n = c.beta3 * n + c.one_minus_beta3 * ahead * ahead
    x = c.take3 * g
    s = c.beta3 * s + x
    q = np.sqrt(n) + c.eps
    return s * s / q, m, v, n, np.abs(s), g_prev, x * x / q


@shipped
def dadapt_adan(p: Any, g: Any, m: Any, v: Any, n: Any, s: Any, g_prev: Any, c: Any) -> Any:
    """Step as Adan does; the size of the step is in the means."""
    d = c.change * (g - g_prev)
    ahead = g + c.beta2 * d
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * d
    n = c.beta3 * n + c.one_minus_beta3 * ahead * ahead
    s = c.beta3 * s + c.take3 * g
    p = (p - (m + c.beta2 * v) / (np.sqrt(n) + c.eps)) / c.grown
    return p, m, v, n, s, g


# change is 0 at the first step, which has no gradient before it, and 1 from then on
DadaptAdanCoefficients = namedtuple(
    "DadaptAdanCoefficients", "change beta1 take1 beta2 take2 beta3 one_minus_beta3 take3 grown eps"
)


@shipped
class DAdaptAdan(DAdaptation):
    """D-Adaptation of Adan: Nesterov's momentum by an estimate of the distance to the solution.

    ::

        c = g - g_prev                                 0 at the first step
        m = beta1 * m + (1 - beta1) * d * lr * g
        v = beta2 * v + (1 - beta2) * d * lr * c
        n = beta3 * n + (1 - beta3) * (g + beta2 * c)^2
        q = sqrt(n) + eps
        r = beta3 * r + (1 - beta3) * (d * lr)^2 * sum(g * g / q)
        s = beta3 * s + (1 - beta3) * d * lr * g
        d' = (sum(s * s / q) / (1 - beta3) - r) / sum(abs(s))
        d_next = max(d, min(d', d * growth_rate))
        p = (p - (m + beta2 * v) / q) / (1 + d * lr * weight_decay)

    Sums are over all parameters.

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the mean of gradients and of that of their changes is kept.
    beta3 : float >= 0 and < 1
        How much of the mean of squares, and of what the estimate is made of.
    eps : float > 0
        Added to the root.
    weight_decay : float >= 0
        Shrinks the parameter as above.
    decoupled_weight_decay : bool
        Or, if False, is added to the gradient, times the parameter.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of steps
    v : running mean of changes of the gradient, times the estimate
    n : running mean of squares of where the gradient leads
    s : running mean of gradients, times the estimate
    g_prev : gradient of the step before

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptAdan([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Adan is good for, without a search for the learning rate",
        states={
            "m": "running mean of steps",
            "v": "running mean of changes of the gradient, times the estimate",
            "n": "running mean of squares of where the gradient leads",
            "s": "running mean of gradients, times the estimate",
            "g_prev": "gradient of the step before",
        },
        few_bits={"m": "signed", "v": "signed", "n": "unsigned"},
    )

    betas: ScheduledPair = pair(default=(0.98, 0.92), below=1.0, third="beta3")
    beta3: Scheduled = number(default=0.99, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-8, above=0.0)
    weight_decay: Scheduled = number(default=2e-2, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)

    rule = staticmethod(dadapt_adan)
    direction = staticmethod(dadapt_adan_direction)
    sums: ClassVar = {"p": "values", "s": "values", "grad": "values"}

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), step = h.betas, (carried.d or h.d0) * h.lr
        moments = beta1, (1.0 - beta1) * step, beta2, (1.0 - beta2) * step
        mean = h.beta3, 1.0 - h.beta3, (1.0 - h.beta3) * step
        grown = 1.0 + step * h.weight_decay if h.decoupled_weight_decay else 1.0
        return DadaptAdanCoefficients(0.0 if t == 1 else 1.0, *moments, *mean, grown, h.eps)

    @classmethod
    def distance(cls, c: Any, measured: Measured, carried: Values) -> float:
        carried.r = c.beta3 * carried.r + measured.sums["grad"] / c.one_minus_beta3
        found: float = (measured.sums["p"] / c.one_minus_beta3 - carried.r) / measured.sums["s"]
        return found
