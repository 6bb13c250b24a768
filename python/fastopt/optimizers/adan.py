"""Adan."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
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
def adan(p: Any, g: Any, m: Any, v: Any, n: Any, g_prev: Any, c: Any) -> Any:
    """Step along the means of the gradient and of its change, over the root of where both lead."""
    d = c.change * (g - g_prev)
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * d
    ahead = g + c.beta2 * d
    n = c.beta3 * n + c.one_minus_beta3 * ahead * ahead
    p = p - (c.step_m * m + c.step_v * v) / (np.sqrt(n) * c.unbias + c.eps)
    return p, m, v, n, g


# change is 0 at the first step, which has no gradient before it, and 1 from then on
AdanCoefficients = namedtuple(
    "AdanCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 beta3 one_minus_beta3 change step_m step_v unbias eps",
)


@shipped
class Adan(Optimizer):
    """Adan, as in timm and the authors' file: Nesterov's momentum from changes of the gradient.

    ::

        d = g - g_prev                                 0 at the first step
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * d
        n = beta3 * n + (1 - beta3) * (g + beta2 * d)^2
        u = m / (1 - beta1^t) + beta2 * v / (1 - beta2^t)
        p = (p - lr * u / (sqrt(n / (1 - beta3^t)) + eps)) / (1 + lr * weight_decay)

    Xie et al., *Adan: adaptive Nesterov momentum algorithm for faster optimizing deep models*
    (arXiv:2208.06677), whose betas are 1 minus these. optax has ``1 - beta2`` for the factors beta2 in
    n and u.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the mean of gradients and of the mean of changes is kept.
    beta3 : float >= 0 and < 1
        How much of the second moment is kept: the third of the betas elsewhere.
    eps : float >= 0
        Added to the root.
    decoupled_weight_decay : {"proximal", True, False, "fixed", "corrected", "after"}
        How the parameters shrink: as above, or as the others do; True is ``no_prox=True`` elsewhere.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of changes of the gradient
    n : running mean of squared gradients, each with its change
    g_prev : gradient of the step before

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Adan([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:2208.06677",
        kind="adaptive",
        good_for="vision transformers and diffusion, with large learning rates",
        states={
            "m": "running mean of gradients",
            "v": "running mean of changes of the gradient",
            "n": "running mean of squared gradients, each with its change",
            "g_prev": "gradient of the step before",
        },
        few_bits={"m": "signed", "v": "signed", "n": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.98, 0.92), below=1.0, third="beta3")
    beta3: Scheduled = number(default=0.99, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default="proximal")

    rule = staticmethod(adan)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        (beta1, beta2), beta3 = h.betas, h.beta3
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2, beta3, 1.0 - beta3)
        step_m = h.lr / (1.0 - power(beta1, t))
        step_v = h.lr * beta2 / (1.0 - power(beta2, t))
        unbias = 1.0 / sqrt(1.0 - power(beta3, t))
        return AdanCoefficients(*kept, 0.0 if t == 1 else 1.0, step_m, step_v, unbias, h.eps)
