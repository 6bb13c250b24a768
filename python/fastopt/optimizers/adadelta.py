"""Adadelta."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, Scheduled, Values, number, shipped
from fastopt.optimizer import Optimizer


@shipped
def adadelta(p: Any, g: Any, v: Any, u: Any, c: Any) -> Any:
    """Measure the step in the units of the steps before it."""
    v = c.rho * v + c.one_minus_rho * g * g
    d = np.sqrt(u + c.eps) / np.sqrt(v + c.eps) * g
    u = c.rho * u + c.one_minus_rho * d * d
    p = p - c.lr * d
    return p, v, u


AdadeltaCoefficients = namedtuple("AdadeltaCoefficients", "rho one_minus_rho lr eps")


@shipped
class Adadelta(Optimizer):
    """Adadelta, as ``torch.optim.Adadelta``: no learning rate has to be found.

    ::

        v = rho * v + (1 - rho) * g * g
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d * d
        p = p - lr * d

    Zeiler, *ADADELTA: an adaptive learning rate method* (arXiv:1212.5701).

    Parameters
    ----------
    lr : float >= 0
        Factor of the step; 1 in the paper.
    rho : float, 0 to 1
        How much of the running means is kept.
    eps : float >= 0
        Added inside both roots.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    v : running mean of squared gradients
    u : running mean of squared steps

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Adadelta([w], rho=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.99858579, 1.00141421])
    """

    facts = Facts(
        paper="arXiv:1212.5701",
        kind="adaptive",
        good_for="training without a learning rate to find",
        states={"v": "running mean of squared gradients", "u": "running mean of squared steps"},
        few_bits={"v": "unsigned", "u": "unsigned"},
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    rho: Scheduled = number(default=0.9, at_least=0.0, at_most=1.0)
    eps: Scheduled = number(default=1e-6, at_least=0.0)

    rule = staticmethod(adadelta)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return AdadeltaCoefficients(h.rho, 1.0 - h.rho, h.lr, h.eps)
