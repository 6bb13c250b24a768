"""MechanicLion."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import Facts, ScheduledPair, Values, flag, pair, shipped, sign
from fastopt.optimizers.mechanic import Mechanic


@shipped
def mechanic_lion_direction(p: Any, g: Any, start: Any, m: Any, pull: Any, grad: Any, c: Any) -> Any:
    """Return how far gradient and parameter point back to the start, and the gradient."""
    way = start + c.begin * (p - start) - p
    return g * way, start, m, p * way, g


@shipped
def mechanic_lion(p: Any, g: Any, start: Any, m: Any, c: Any) -> Any:
    """Step as Lion does, and scale the way from the start anew."""
    start = start + c.begin * (p - start)
    u = sign(c.beta1 * m + c.take1 * g)
    m = c.beta2 * m + c.take2 * g
    p = start - (c.way * (start - p) + c.fade * p + c.scale * u)
    return p, start, m


MechanicLionCoefficients = namedtuple(
    "MechanicLionCoefficients", "begin way fade scale beta1 take1 beta2 take2"
)


@shipped
class MechanicLion(Mechanic):
    """Mechanic of Lion: a scale of the sum of its steps is learned, in place of a learning rate.

    ::

        u = sign(beta1 * m + (1 - beta1) * g) + weight_decay * p
        m = beta2 * m + (1 - beta2) * g
        p = p0 - s * (way + lr * u)

    The scale s, and way, are those of `MechanicSGD`; p0 is the parameter before its first step.

    Cutkosky, Defazio and Mehta, *Mechanic: a learning rate tuner* (arXiv:2306.00144), as
    ``optax.contrib.mechanize`` of ``optax.lion``. See `MechanicSGD`, also for groups.

    Parameters
    ----------
    lr : float >= 0
        Factor of the steps of Lion; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the momentum goes into the step, and how much of it is kept.
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

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.MechanicLion([w])
    >>> for _ in range(200):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 1.0)
    True
    """

    facts = Facts(
        paper="arXiv:2306.00144",
        kind="learning-rate-free",
        good_for="what Lion is good for, with a schedule and without a search for its height",
        states={
            "start": "the parameter before the first step",
            "m": "running mean of gradients",
        },
    )

    decoupled_weight_decay: bool = flag(default=True)
    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0)

    rule = staticmethod(mechanic_lion)
    direction = staticmethod(mechanic_lion_direction)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        around = cls.around(h, t, carried, h.lr)
        return MechanicLionCoefficients(*around, beta1, 1.0 - beta1, beta2, 1.0 - beta2)
