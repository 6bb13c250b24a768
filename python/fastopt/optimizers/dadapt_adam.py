"""DAdaptAdam."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, Scheduled, ScheduledPair, Values, flag, number, pair, shipped
from fastopt.numerics import power, sqrt
from fastopt.optimizers.dadaptation import DAdaptation


@shipped
def dadapt_adam_direction(p: Any, g: Any, m: Any, v: Any, s: Any, c: Any) -> Any:
    """Return how far the gradient points along the sum of those before, and the size of that."""
    p = c.take3 * (g * s / (np.sqrt(v) + c.eps))
    return p, m, v, np.abs(c.beta3 * s + c.take3 * g)


@shipped
def dadapt_adam(p: Any, g: Any, m: Any, v: Any, s: Any, c: Any) -> Any:
    """Step as Adam does; the size of the step is in the momentum."""
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    s = c.beta3 * s + c.take3 * g
    p = c.keep * p - m / (np.sqrt(v) + c.eps)
    return p, m, v, s


DadaptAdamCoefficients = namedtuple(
    "DadaptAdamCoefficients", "beta1 take1 beta2 take2 beta3 take3 keep eps"
)


@shipped
class DAdaptAdam(DAdaptation):
    """D-Adaptation of Adam: the learning rate is an estimate of the distance to the solution.

    ::

        dlr = d * lr * sqrt(1 - beta2^t) / (1 - beta1^t)              the fraction only if asked for
        k = sqrt(beta2)
        r = k * r + (1 - k) * dlr * sum(g * s / (sqrt(v) + eps))       over all parameters
        m = beta1 * m + (1 - beta1) * dlr * g
        v = beta2 * v + (1 - beta2) * g * g
        s = k * s + (1 - k) * dlr * g
        d' = r / ((1 - k) * sum(abs(s)))                               over all parameters
        d_next = max(d, min(d', d * growth_rate))
        p = p - m / (sqrt(v) + eps)

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float > 0
        Added to the root.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the parameter by ``dlr * weight_decay`` before the step.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    use_bias_correction : bool
        Correct the moments for what they begin with, as Adam does.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of steps
    v : running mean of squared gradients
    s : running mean of gradients, times the estimate

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptAdam([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Adam is good for, without a search for the learning rate",
        states={
            "m": "running mean of steps",
            "v": "running mean of squared gradients",
            "s": "running mean of gradients, times the estimate",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, above=0.0)
    use_bias_correction: bool = flag(default=False)

    rule = staticmethod(dadapt_adam)
    direction = staticmethod(dadapt_adam_direction)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), step = h.betas, (carried.d or h.d0) * h.lr
        if h.use_bias_correction:
            step *= sqrt(1.0 - power(beta2, t)) / (1.0 - power(beta1, t))
        beta3 = sqrt(beta2)
        moments = beta1, (1.0 - beta1) * step, beta2, 1.0 - beta2, beta3, (1.0 - beta3) * step
        return DadaptAdamCoefficients(*moments, cls.kept(h, step), h.eps)
