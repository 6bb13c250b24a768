"""RAdam."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    flag,
    number,
    pair,
    select,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def radam(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide the first moment by the root of the second where that can be rectified, else by one."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    divisor = select(c.adaptive >= c.one, np.sqrt(v + c.eps_root) * c.unbias + c.eps, c.one)
    p = p - (c.step_g * g + c.step_m * m) / divisor
    return p, m, v


# adaptive is 1 or 0, and the steps hold the rectification; one is 1
RectifiedCoefficients = namedtuple(
    "RectifiedCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 step_g step_m eps_root unbias eps adaptive one",
)


def rectification(beta2: float, t: int, threshold: float) -> float:
    """Compute the factor for the variance of the adaptive step; 0 where that is not finite."""
    left, longest = 1.0 - power(beta2, t), 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * t * (1.0 - left) / left
    if not length > threshold:
        return 0.0
    return sqrt(
        (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
    )


def steps(h: Values, t: int) -> tuple[float, float]:
    """Compute how far gradient and first moment move a parameter, corrected for the zeros before."""
    beta1 = h.betas[0]
    whole = 1.0 - power(beta1, t)
    if not h.nesterov:
        return 0.0, h.lr / whole
    return h.lr * (1.0 - beta1) / whole, h.lr * beta1 / (1.0 - power(beta1, t + 1))


@shipped
class RAdam(Optimizer):
    """Rectified Adam, as ``torch.optim.RAdam``: Adam that needs no warm-up.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat = m / (1 - beta1^t)
        r_inf = 2 / (1 - beta2) - 1
        r = r_inf - 2 * t * beta2^t / (1 - beta2^t)
        rect = sqrt((r - 4) * (r - 2) * r_inf / ((r_inf - 4) * (r_inf - 2) * r))
        p = p - lr * rect * m_hat * sqrt(1 - beta2^t) / (sqrt(v) + eps)      where r > threshold
        p = p - lr * m_hat                                                   in the steps before

    Liu et al., *On the variance of the adaptive learning rate and beyond* (arXiv:1908.03265).
    pytorch_optimizer takes no step at all before r is above the threshold.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    eps_placement : {"hat", "outside"}
        Where eps is added: as above, or to the root of the corrected moment, as in optax:
        ``lr * rect * m_hat / (sqrt(v / (1 - beta2^t) + eps_root) + eps)``.
    eps_root : float >= 0
        Added inside the root.
    threshold : float >= 4
        What r has to exceed.
    nesterov : bool
        Mix the gradient into the first moment, as Nesterov's momentum does:
        ``m_hat = beta1 * m / (1 - beta1^(t + 1)) + (1 - beta1) * g / (1 - beta1^t)``.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.RAdam([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.2])
    """

    facts = Facts(
        paper="arXiv:1908.03265",
        kind="adaptive",
        good_for="what Adam is good for, without a warm-up of the learning rate",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    eps_placement: str = choice("hat", "outside", default="hat")
    eps_root: Scheduled = number(default=0.0, at_least=0.0)
    threshold: Scheduled = number(default=5.0, at_least=4.0)
    nesterov: bool = flag(default=False)

    rule = staticmethod(radam)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step_g, step_m = steps(h, t)
        eps_root, unbias, left = h.eps_root, 1.0, 1.0 - power(beta2, t)
        factor = rectification(beta2, t, h.threshold)
        adaptive = 1.0 if factor > 0.0 else 0.0
        if adaptive and h.eps_placement == "hat":
            factor *= sqrt(left)
        elif adaptive:
            eps_root, unbias = eps_root * left, 1.0 / sqrt(left)
        if adaptive:
            step_g, step_m = factor * step_g, factor * step_m
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        return RectifiedCoefficients(*kept, step_g, step_m, eps_root, unbias, h.eps, adaptive, 1.0)
