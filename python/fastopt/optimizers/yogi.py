"""Yogi."""

from collections import namedtuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, ScheduledPair, Values, number, pair, shipped, sign
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def yogi(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Move the second moment towards the squared gradient by a share of that alone."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    square = g * g
    v = v - c.one_minus_beta2 * sign(v - square) * square
    p = p - c.step * m / (np.sqrt(v) * c.unbias + c.eps)
    return p, m, v


YogiCoefficients = namedtuple(
    "YogiCoefficients", "beta1 one_minus_beta1 one_minus_beta2 step unbias eps"
)


@shipped
class Yogi(Optimizer):
    """Yogi, as ``optax.yogi``: Adam whose second moment does not forget at once.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * sign(v - g * g) * g * g
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Zaheer et al., *Adaptive methods for nonconvex optimization* (NeurIPS 2018).

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first moment is kept, and how little the second moves.
    eps : float >= 0
        Added to the root.
    initial_accumulator_value : float >= 0
        What both moments begin with.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : what follows the squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Yogi([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.90014886, 1.09993709])
    """

    facts = Facts(
        paper="Zaheer et al. (NeurIPS 2018)",
        kind="adaptive",
        good_for="rare and noisy gradients, with which Adam's steps become long",
        states={"m": "running mean of gradients", "v": "what follows the squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-3, at_least=0.0)
    initial_accumulator_value: Scheduled = number(default=1e-6, at_least=0.0, initial=True)

    rule = staticmethod(yogi)

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return h.initial_accumulator_value

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step, unbias = h.lr / (1.0 - power(beta1, t)), 1.0 / sqrt(1.0 - power(beta2, t))
        return YogiCoefficients(beta1, 1.0 - beta1, 1.0 - beta2, step, unbias, h.eps)
