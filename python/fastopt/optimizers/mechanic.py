"""Mechanic: SGD, AdamW and Lion with a learned scale of all that they have stepped."""

from collections import namedtuple
from math import inf, sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Measured,
    RuleFunction,
    Scheduled,
    ScheduledPair,
    Values,
    flag,
    measurement,
    number,
    pair,
    shipped,
    sign,
)
from fastopt.numerics import power
from fastopt.numerics import sqrt as root
from fastopt.optimizer import Optimizer

BETAS = tuple([1.0 - 0.1**i for i in range(1, 7)])


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


# In front, of every rule: whether it is the first step; the factors of the way from the start, of p for
# weight decay, and of the new step, all three with the new scale in them.
MechanicSgdCoefficients = namedtuple("MechanicSgdCoefficients", "begin way fade scale")


MechanicMomentumCoefficients = namedtuple(
    "MechanicMomentumCoefficients", "begin way fade scale mu step_g step_b"
)


MechanicAdamCoefficients = namedtuple(
    "MechanicAdamCoefficients", "begin way fade scale beta1 take1 beta2 take2 unbias eps"
)


MechanicLionCoefficients = namedtuple(
    "MechanicLionCoefficients", "begin way fade scale beta1 take1 beta2 take2"
)


class Mechanic(Optimizer):
    """Steps of another algorithm, summed, and a factor of the sum that is learned as they are taken."""

    lr: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    s_decay: Scheduled = number(default=1e-2, at_least=0.0)
    s_init: Scheduled = number(default=1e-6, above=0.0)
    s_eps: Scheduled = number(default=1e-8, above=0.0)

    carried: ClassVar = {
        "s": measurement(),
        **{
            f"{name}{i}": measurement(at_least=-inf if name == "r" else 0.0)
            for i in range(len(BETAS))
            for name in "mvrs"
        },
    }
    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    sums: ClassVar = {"p": "values", "pull": "values", "grad": "squares", "weight": "squares"}

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @classmethod
    def around(cls, h: Values, t: int, carried: Values, step: Any) -> tuple[Any, Any, Any, Any]:
        """Return what every rule has in front, without the new scale, which is yet to be learned."""
        fade = h.lr * h.weight_decay if h.decoupled_weight_decay else 0.0
        return 1.0 if t == 1 else 0.0, 1.0 / (carried.s + h.s_eps), fade, step

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        pulled = h.s_decay * carried.s * sqrt(measured.sums["grad"]) / (measured.weight + h.s_eps)
        gain = c.way * (measured.sums["p"] + pulled * measured.sums["pull"])
        carried.s = 0.0
        for i, beta in enumerate(BETAS):
            m, v, r, s = [getattr(carried, f"{name}{i}") for name in "mvrs"]
            r = beta * r + s * max(-m, min(gain, m))
            m = max(beta * m, abs(gain) + h.s_eps)
            v = beta * beta * v + gain * gain
            s = (h.s_init / len(BETAS) * m + max(r, 0.0)) / (sqrt(v) + h.s_eps)
            for name, value in zip("mvrs", (m, v, r, s), strict=True):
                setattr(carried, f"{name}{i}", value)
            carried.s += s

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        s = carried[0].s
        return c._replace(way=s * c.way, fade=s * c.fade, scale=s * c.scale)


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
        unbias, moments = 1.0 / root(1.0 - power(beta2, t)), (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        around = cls.around(h, t, carried, h.lr / (1.0 - power(beta1, t)))
        return MechanicAdamCoefficients(*around, *moments, unbias, h.eps)


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
