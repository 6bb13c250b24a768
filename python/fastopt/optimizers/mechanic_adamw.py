"""MechanicAdamW."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, Scheduled, ScheduledPair, Values, flag, number, pair, shipped
from fastopt.numerics import power, sqrt
from fastopt.optimizers.mechanic import Mechanic


@shipped
def mechanic_adam_direction(
    p: Any, g: Any, start: Any, m: Any, v: Any, pull: Any, grad: Any, c: Any
) -> Any:
    """Return how far gradient and parameter point back to the start, and the gradient."""
    way = start + c.begin * (p - start) - p
    return g * way, start, m, v, p * way, g


@shipped
def mechanic_adam(p: Any, g: Any, start: Any, m: Any, v: Any, c: Any) -> Any:
    """Step as Adam does, and scale the way from the start anew."""
    start = start + c.begin * (p - start)
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    u = m / (np.sqrt(v) * c.unbias + c.eps)
    p = start - (c.way * (start - p) + c.fade * p + c.scale * u)
    return p, start, m, v


MechanicAdamCoefficients = namedtuple(
    "MechanicAdamCoefficients", "begin way fade scale beta1 take1 beta2 take2 unbias eps"
)


@shipped
class MechanicAdamW(Mechanic):
    """Mechanic of AdamW: a scale of the sum of its steps is learned, in place of a learning rate.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p
        p = p0 - s * (way + lr * u)

    The scale s, and way, are those of `MechanicSGD`; p0 is the parameter before its first step.

    Cutkosky, Defazio and Mehta, *Mechanic: a learning rate tuner* (arXiv:2306.00144), as
    ``optax.contrib.mechanize`` of ``optax.adamw``. See `MechanicSGD`, also for groups.

    Parameters
    ----------
    lr : float >= 0
        Factor of the steps of AdamW; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    weight_decay : float >= 0
        Is added to the step, times the parameter.
    decoupled_weight_decay : bool
        Or, if False, to the gradient.
    s_decay : float >= 0
        How strongly the scale is learned as if the parameters were to be small.
    s_init : float > 0
        The first scale. Too small costs steps, too large cannot be taken back.
    s_eps : float > 0
        Added to what is divided by.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    start : the parameter before the first step
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.MechanicAdamW([w])
    >>> for _ in range(200):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 1.0)
    True
    """

    facts = Facts(
        paper="arXiv:2306.00144",
        kind="learning-rate-free",
        good_for="what AdamW is good for, with a schedule and without a search for its height",
        states={
            "start": "the parameter before the first step",
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
        },
        few_bits={"m": "signed", "v": "unsigned"},
    )

    weight_decay: Scheduled = number(default=1e-2, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)

    rule = staticmethod(mechanic_adam)
    direction = staticmethod(mechanic_adam_direction)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        unbias, moments = 1.0 / sqrt(1.0 - power(beta2, t)), (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        around = cls.around(h, t, carried, h.lr / (1.0 - power(beta1, t)))
        return MechanicAdamCoefficients(*around, *moments, unbias, h.eps)
