"""Adam-atan2."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    angle,
    choice,
    number,
    pair,
    regularization,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def adam_atan2(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Step by the angle of the first moment over the root of the second."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.lr * angle(c.unbias_m * m, c.unbias_v * np.sqrt(v))
    return p, m, v


AdamAtan2Coefficients = namedtuple(
    "AdamAtan2Coefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 unbias_m unbias_v lr"
)


@shipped
class AdamAtan2(Optimizer):
    """Adam with an arctangent in place of the division: no epsilon, and no scale of gradients.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * a * atan2(m / (1 - beta1^t), b * sqrt(v / (1 - beta2^t)))

    Everett et al., *Scaling exponents across parameterizations and optimizers* (arXiv:2407.05872). As
    the package adam-atan2-pytorch has it. Of two zeros the angle is 0. The arctangent is computed
    without the machine's math library, so that its bits are the same everywhere.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    a : float >= 0
        What the angle is multiplied by; 1.27 is 4 / pi, which makes the first step lr.
    b : float >= 0
        What the root is multiplied by.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdamAtan2([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.90025443, 1.09974557])
    """

    facts = Facts(
        paper="arXiv:2407.05872",
        kind="adaptive",
        good_for="large models, whose gradients become so small that Adam's epsilon is felt",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-4, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0)
    a: Scheduled = number(default=1.27, at_least=0.0)
    b: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*regularization.CONVENTIONS, default=True)

    rule = staticmethod(adam_atan2)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        unbias = (1.0 / (1.0 - power(beta1, t)), h.b / sqrt(1.0 - power(beta2, t)))
        return AdamAtan2Coefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, *unbias, h.lr * h.a)
