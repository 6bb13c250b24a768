"""Polyak's step size, and ALI-G."""

from collections import namedtuple
from math import inf
from typing import Any, ClassVar

from fastopt.algorithm import (
    Facts,
    Measured,
    RuleFunction,
    Scheduled,
    ScheduledOrNone,
    Values,
    choice,
    flag,
    number,
    shipped,
)
from fastopt.optimizer import Optimizer


@shipped
def polyak_gradient(p: Any, g: Any, c: Any) -> Any:
    """Return the gradient, which is measured."""
    return g


@shipped
def polyak(p: Any, g: Any, c: Any) -> Any:
    """Step along the gradient."""
    return c.keep * p - c.step * g


@shipped
def polyak_momentum_gradient(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Return the gradient, which is measured."""
    return g, b


@shipped
def polyak_momentum(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Step along the gradient, and as far ahead as momentum leads."""
    b = c.momentum * b - c.step * g
    p = c.keep * p - c.step * g + c.momentum * b
    return p, b


PolyakCoefficients = namedtuple("PolyakCoefficients", "keep step momentum")


@shipped
class PolyakSGD(Optimizer):
    """Polyak's step size: how far the loss is above its minimum, over the squared gradient.

    ::

        gap = loss - f_min                             max(gap, 0) with variant="sps+"
        step = lr * min(gap / (norm(g)^2 + eps), max_step_size)
        p = p - step * g

    The norm is over all parameters, and no step is taken where it is 0. ``opt.step(grads, loss=loss)``
    needs the loss whose gradients are given; with ``maximize=True`` it is ``-loss`` that has the
    minimum f_min.

    Loizou et al., *Stochastic Polyak step-size for SGD: an adaptive learning rate for fast convergence*
    (arXiv:2002.10542), as in optax, whose max_learning_rate is max_step_size. optax's scaling other
    than 1 is not lr: its steps become shorter the larger it is.

    Parameters
    ----------
    lr : float >= 0
        Factor of the step size; 1, or what a schedule makes of it. A group can have its own.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the parameter by ``step * weight_decay``.
    f_min : float
        The least loss that there can be.
    max_step_size : float > 0, optional
        The largest step size, without lr.
    eps : float >= 0
        Added to the squared norm.
    variant : {"sps", "sps+"}
        Where the loss is below f_min, step the other way, or not at all.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.PolyakSGD([w])
    >>> opt.step([w.copy()], loss=0.5 * float(w @ w))
    True
    >>> w
    array([1.5, 2. ])
    """

    facts = Facts(
        paper="arXiv:2002.10542",
        kind="loss-aware",
        good_for="problems whose least loss is known, such as 0 for models that fit all data",
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    f_min: Scheduled = number(default=0.0)
    max_step_size: ScheduledOrNone = number(default=1.0, above=0.0, optional=True)
    eps: Scheduled = number(default=0.0, at_least=0.0)
    variant: str = choice("sps", "sps+", default="sps")

    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    takes_loss = True
    rule = staticmethod(polyak)
    direction = staticmethod(polyak_gradient)
    sums: ClassVar = {"p": "squares"}

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return PolyakCoefficients(1.0, 0.0, 0.0)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        gap = (-measured.loss if h.maximize else measured.loss) - h.f_min
        if h.variant == "sps+":
            gap = max(gap, 0.0)
        squared = measured.direction * measured.direction
        longest = inf if h.max_step_size is None else h.max_step_size
        step = 0.0 if squared == 0.0 else h.lr * min(gap / (squared + h.eps), longest)
        keep = 1.0 - step * h.weight_decay if h.decoupled_weight_decay else 1.0
        return c._replace(keep=keep, step=step)


@shipped
class ALIG(PolyakSGD):
    """ALI-G: Polyak's step size as far as a largest one, with Nesterov's momentum.

    ::

        step = lr * min((loss - f_min) / (norm(g)^2 + eps), max_step_size)
        b = momentum * b - step * g
        p = p - step * g + momentum * b

    The norm is over all parameters. ``opt.step(grads, loss=loss)`` needs the loss whose gradients are
    given; with ``maximize=True`` it is ``-loss`` that has the minimum f_min.

    Berrada, Zisserman and Kumar, *Training neural networks for and by interpolation*
    (arXiv:1906.05661), whose max_lr is max_step_size.

    Parameters
    ----------
    momentum : float >= 0 and < 1
        How much of the buffer is kept; 0 has no buffer.
    lr, f_min, max_step_size, eps, variant, decoupled_weight_decay
        As of `PolyakSGD`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b : buffer of steps, with momentum

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.ALIG([w], max_step_size=0.25, momentum=0.5)
    >>> opt.step([w.copy()], loss=0.5 * float(w @ w))
    True
    >>> w
    array([1.875, 2.5  ])
    """

    facts = Facts(
        paper="arXiv:1906.05661",
        kind="loss-aware",
        good_for="models that fit all data, whose loss comes near 0",
        states={"b": "buffer of steps, with momentum"},
        few_bits={"b": "signed"},
    )

    max_step_size: ScheduledOrNone = number(default=None, above=0.0, optional=True)
    eps: Scheduled = number(default=1e-5, at_least=0.0)
    momentum: Scheduled = number(default=0.0, at_least=0.0, below=1.0)

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return polyak if h.momentum == 0.0 else polyak_momentum

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return polyak_gradient if h.momentum == 0.0 else polyak_momentum_gradient

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return PolyakCoefficients(1.0, 0.0, h.momentum)
