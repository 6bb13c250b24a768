"""DAdaptLion."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, ScheduledPair, Values, flag, pair, shipped, sign
from fastopt.numerics import sqrt
from fastopt.optimizers.dadaptation import DAdaptation


@shipped
def dadapt_lion_direction(p: Any, g: Any, m: Any, s: Any, c: Any) -> Any:
    """Return how far the step points along the sum of those before, and the size of that."""
    u = sign(c.beta1 * m + c.one_minus_beta1 * g)
    return c.take3 * u * s, m, np.abs(c.beta3 * s + c.take3 * u)


@shipped
def dadapt_lion(p: Any, g: Any, m: Any, s: Any, c: Any) -> Any:
    """Step as Lion does; the size of the step is in the momentum."""
    u = sign(c.beta1 * m + c.one_minus_beta1 * g)
    m = c.beta2 * m + c.take2 * g
    s = c.beta3 * s + c.take3 * u
    p = c.keep * p - c.step * u
    return p, m, s


DadaptLionCoefficients = namedtuple(
    "DadaptLionCoefficients", "beta1 one_minus_beta1 beta2 take2 beta3 take3 keep step"
)


@shipped
class DAdaptLion(DAdaptation):
    """D-Adaptation of Lion: every element moves by an estimate of the distance, up or down.

    ::

        u = sign(beta1 * m + (1 - beta1) * g)
        k = sqrt(beta2)
        r = k * r + (1 - k) * d * lr * sum(u * s)                      over all parameters
        m = beta2 * m + (1 - beta2) * d * lr * g
        s = k * s + (1 - k) * d * lr * u
        d' = r / ((1 - k) * sum(abs(s)))                               over all parameters
        d_next = max(d, min(d', d * growth_rate))
        p = p * (1 - d * lr * weight_decay) - d * lr * u

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it. With small batches this estimate can grow
    too far: begin with ``lr=0.03`` there.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the momentum is in the sign, and is kept.
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
    m : running mean of gradients, times the estimate
    s : running mean of steps

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptLion([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 4.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Lion is good for, without a search for the learning rate",
        states={"m": "running mean of gradients, times the estimate", "s": "running mean of steps"},
        few_bits={"m": "signed"},
    )

    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0)
    decoupled_weight_decay: bool = flag(default=True)

    rule = staticmethod(dadapt_lion)
    direction = staticmethod(dadapt_lion_direction)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), step = h.betas, (carried.d or h.d0) * h.lr
        beta3 = sqrt(beta2)
        moments = beta1, 1.0 - beta1, beta2, (1.0 - beta2) * step, beta3, (1.0 - beta3) * step
        return DadaptLionCoefficients(*moments, cls.kept(h, step), step)
