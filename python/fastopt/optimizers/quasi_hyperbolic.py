"""QHM and QHAdam: steps between the gradient and its running mean."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, Scheduled, ScheduledPair, Values, number, pair, shipped
from fastopt.numerics import power
from fastopt.optimizer import Optimizer
from fastopt.optimizers.sgd import NesterovCoefficients, nesterov


@shipped
def qhadam(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide what lies between gradient and mean by the root of what lies between their squares."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - (c.step_g * g + c.step_m * m) / (np.sqrt(c.take_g * g * g + c.take_v * v) + c.eps)
    return p, m, v


QhadamCoefficients = namedtuple(
    "QhadamCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 step_g step_m take_g take_v eps",
)


@shipped
class QHM(Optimizer):
    """Quasi-hyperbolic momentum: a step between the gradient and its running mean.

    ::

        b = beta * b + (1 - beta) * g
        p = p - lr * ((1 - nu) * g + nu * b)

    Ma and Yarats, *Quasi-hyperbolic momentum and Adam for deep learning* (arXiv:1810.06801). nu = 0 is
    plain SGD, nu = 1 momentum, and nu = beta Nesterov's, each with a mean of gradients in place of a
    sum: the learning rate is ``1 / (1 - beta)`` times as large. The defaults are the paper's advice.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    beta : float >= 0 and < 1
        How much of the running mean is kept.
    nu : float >= 0
        The share of the running mean in the step.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b : running mean of gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.QHM([w], lr=0.1, beta=0.5, nu=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.925, 1.15 ])
    """

    facts = Facts(
        paper="arXiv:1810.06801",
        kind="momentum",
        good_for="what SGD with momentum is good for",
        states={"b": "running mean of gradients"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    beta: Scheduled = number(default=0.999, at_least=0.0, below=1.0)
    nu: Scheduled = number(default=0.7, at_least=0.0)

    rule = staticmethod(nesterov)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return NesterovCoefficients(h.beta, 1.0 - h.beta, h.lr * (1.0 - h.nu), h.lr * h.nu)


@shipped
class QHAdam(Optimizer):
    """Quasi-hyperbolic Adam: a step between the gradient and Adam's.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        d = (1 - nu1) * g + nu1 * m / (1 - beta1^t)
        p = p - lr * d / (sqrt((1 - nu2) * g * g + nu2 * v / (1 - beta2^t)) + eps)

    Ma and Yarats, *Quasi-hyperbolic momentum and Adam for deep learning* (arXiv:1810.06801). ``nus=(1,
    1)`` is Adam, and the default of other libraries; here the defaults are the paper's advice.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    nus : two floats, >= 0, the second <= 1
        The shares of the two moments in the step.
    eps : float >= 0
        Added to the root.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.QHAdam([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:1810.06801",
        kind="adaptive",
        good_for="what Adam is good for, where it is unstable",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.995, 0.999), below=1.0)
    nus: ScheduledPair = pair(default=(0.7, 1.0))
    eps: Scheduled = number(default=1e-8, at_least=0.0)

    rule = staticmethod(qhadam)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.nus[1] > 1.0:
            raise ValueError(
                f"nus[1] is {h.nus[1]!r}; it must be <= 1, as a root is taken of 1 - nus[1] squares: "
                "give nus=(0.7, 1.0)"
            )

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        (beta1, beta2), (nu1, nu2) = h.betas, h.nus
        steps = (h.lr * (1.0 - nu1), h.lr * nu1 / (1.0 - power(beta1, t)))
        taken = (1.0 - nu2, nu2 / (1.0 - power(beta2, t)))
        return QhadamCoefficients(beta1, 1.0 - beta1, beta2, 1.0 - beta2, *steps, *taken, h.eps)
