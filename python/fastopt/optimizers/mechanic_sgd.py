"""MechanicSGD."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import Facts, RuleFunction, Scheduled, Values, flag, number, shipped
from fastopt.optimizers.mechanic import Mechanic


@shipped
def mechanic_sgd_direction(p: Any, g: Any, start: Any, pull: Any, grad: Any, c: Any) -> Any:
    """Return how far gradient and parameter point back to the start, and the gradient."""
    way = start + c.begin * (p - start) - p
    return g * way, start, p * way, g


@shipped
def mechanic_sgd(p: Any, g: Any, start: Any, c: Any) -> Any:
    """Step along the gradient, and scale the way from the start anew."""
    start = start + c.begin * (p - start)
    p = start - (c.way * (start - p) + c.fade * p + c.scale * g)
    return p, start


@shipped
def mechanic_momentum_direction(
    p: Any, g: Any, start: Any, b: Any, pull: Any, grad: Any, c: Any
) -> Any:
    """Return how far gradient and parameter point back to the start, and the gradient."""
    way = start + c.begin * (p - start) - p
    return g * way, start, b, p * way, g


@shipped
def mechanic_momentum(p: Any, g: Any, start: Any, b: Any, c: Any) -> Any:
    """Step along a buffer of gradients, and scale the way from the start anew."""
    start = start + c.begin * (p - start)
    b = c.mu * b + g
    u = c.step_g * g + c.step_b * b
    p = start - (c.way * (start - p) + c.fade * p + c.scale * u)
    return p, start, b


MechanicSgdCoefficients = namedtuple("MechanicSgdCoefficients", "begin way fade scale")

MechanicMomentumCoefficients = namedtuple(
    "MechanicMomentumCoefficients", "begin way fade scale mu step_g step_b"
)


@shipped
class MechanicSGD(Mechanic):
    """Mechanic of SGD: a scale of the sum of its steps is learned, in place of a learning rate.

    ::

        way = (p0 - p) / (s + s_eps)                   the steps until now, without their scale
        x = g + s_decay * s * norm(g) / (norm(p) + s_eps) * p
        h = sum(x * way)                                over all parameters, as the norms
        r_i = beta_i * r_i + s_i * clip(h, -m_i, m_i)            of six, with beta_i = 1 - 0.1^i
        m_i = max(beta_i * m_i, abs(h) + s_eps)
        v_i = beta_i^2 * v_i + h^2
        s_i = (s_init / 6 * m_i + max(r_i, 0)) / (sqrt(v_i) + s_eps)
        s = sum(s_i)
        b = momentum * b + g                           nesterov steps along g + momentum * b
        p = p0 - s * (way + lr * b)

    p0 is the parameter before its first step.

    Cutkosky, Defazio and Mehta, *Mechanic: a learning rate tuner* (arXiv:2306.00144), as
    ``optax.contrib.mechanize`` of ``optax.sgd``, whose `weight_decay` and `eps` are s_decay and s_eps
    here. The way is found anew from p at each step, which in float32 is off by some roundings of p,
    over s. One scale holds for all groups, and follows from the s_decay, s_init and s_eps of the
    first. A group's own lr is a factor of its steps.

    Parameters
    ----------
    lr : float >= 0
        Factor of the steps of SGD; 1, or what a schedule makes of it.
    momentum : float >= 0
        How much of the buffer is kept; 0 has no buffer.
    nesterov : bool
        Step along ``g + momentum * b``; needs a momentum.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, to the step, times the parameter and lr.
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
    b : buffer of gradients, with momentum

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.MechanicSGD([w])
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 0.1)
    True
    """

    facts = Facts(
        paper="arXiv:2306.00144",
        kind="learning-rate-free",
        good_for="what SGD is good for, with a schedule and without a search for its height",
        states={
            "start": "the parameter before the first step",
            "b": "buffer of gradients, with momentum",
        },
        few_bits={"b": "signed"},
    )

    momentum: Scheduled = number(default=0.0, at_least=0.0)
    nesterov: bool = flag(default=False)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.nesterov and h.momentum == 0.0:
            raise ValueError("nesterov=True needs momentum > 0, and it is 0: give momentum=0.9")

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return mechanic_sgd if h.momentum == 0.0 else mechanic_momentum

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return mechanic_sgd_direction if h.momentum == 0.0 else mechanic_momentum_direction

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        if h.momentum == 0.0:
            return MechanicSgdCoefficients(*cls.around(h, t, carried, h.lr))
        around = cls.around(h, t, carried, 1.0)
        steps = (h.lr, h.lr * h.momentum) if h.nesterov else (0.0, h.lr)
        return MechanicMomentumCoefficients(*around, h.momentum, *steps)
