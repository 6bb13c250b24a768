"""MoMo and MoMo-Adam."""

from collections import namedtuple
from math import inf
from typing import Any, ClassVar

import numpy as np

from fastopt.algorithm import (
    Facts,
    Measured,
    Scheduled,
    ScheduledPair,
    Values,
    flag,
    measurement,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power
from fastopt.optimizer import Optimizer


@shipped
def momo_direction(p: Any, g: Any, m: Any, back: Any, c: Any) -> Any:
    """Return how far momentum and the gradient point back to 0, and the momentum."""
    m = c.beta * m + c.take * g
    return m * p, m, g * p


@shipped
def momo(p: Any, g: Any, m: Any, c: Any) -> Any:
    """Step along the momentum."""
    m = c.beta * m + c.take * g
    p = c.keep * p - c.step * m
    return p, m


@shipped
def momo_adam_direction(p: Any, g: Any, m: Any, v: Any, back: Any, c: Any) -> Any:
    """Return how far momentum and the gradient point back to 0, and the momentum's square, divided."""
    m = c.beta * m + c.take * g
    v = c.beta2 * v + c.take2 * g * g
    return m * p, m * m / (np.sqrt(c.correct * v) + c.eps), v, g * p


@shipped
def momo_adam(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Step along the momentum over the root of the second moment."""
    m = c.beta * m + c.take * g
    v = c.beta2 * v + c.take2 * g * g
    p = c.keep * p - c.step * m / (np.sqrt(c.correct * v) + c.eps)
    return p, m, v


MomoCoefficients = namedtuple("MomoCoefficients", "beta take keep step")


MomoAdamCoefficients = namedtuple("MomoAdamCoefficients", "beta take beta2 take2 correct eps keep step")


class ModelOfTheLoss(Optimizer):
    """A step size that leads to where a model of the loss has its lower bound, and no further."""

    decoupled_weight_decay: bool = flag(default=True)
    lower_bound: Scheduled = number(default=0.0)
    adapt_lower_bound: bool = flag(default=False)

    # of all steps: the powers of beta, the means of the loss and of <g, p>, the lower bounds of this
    # step and of the next
    carried: ClassVar = {
        "power": measurement(default=1.0),
        **{key: measurement(at_least=-inf) for key in ("mean_loss", "back", "bound", "next_bound")},
    }
    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    takes_loss = True

    @classmethod
    def means(cls, h: Values) -> tuple[float, bool]:
        """Return how much of the means is kept, and whether they begin with 0 and are corrected."""
        raise NotImplementedError  # pragma: no cover - both have their own

    @classmethod
    def kept(cls, h: Values, carried: Values) -> float:
        """Return how much of the means is kept in this step."""
        beta, corrected = cls.means(h)
        return 0.0 if carried.power == 1.0 and not corrected else beta

    @classmethod
    def model(cls, h: Values, measured: Measured, carried: Values) -> tuple[float, float, float, float]:
        """Return what p is divided by, the weight of the means, the model of the loss, its slope."""
        grown = 1.0 + h.lr * h.weight_decay if h.decoupled_weight_decay else 1.0
        weight = 1.0 - carried.power if cls.means(h)[1] else 1.0
        above = grown * (carried.mean_loss - carried.back) + measured.sums["p"]
        return grown, weight, above, measured.sums["m"]

    @classmethod
    def how_far(cls, h: Values, measured: Measured, carried: Values) -> float:
        """Return how far to go along the momentum."""
        grown, weight, above, slope = cls.model(h, measured, carried)
        if slope == 0.0:
            return 0.0
        wanted = max(above - grown * weight * carried.bound, 0.0) / slope
        found: float = min(wanted, h.lr / weight)
        return found

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        kept, first = cls.kept(h, carried), carried.power == 1.0
        loss = -measured.loss if h.maximize else measured.loss
        carried.mean_loss = kept * carried.mean_loss + (1.0 - kept) * loss
        carried.back = kept * carried.back + (1.0 - kept) * measured.sums["back"]
        carried.power *= cls.means(h)[0]
        carried.bound = h.lower_bound if first or not h.adapt_lower_bound else carried.next_bound
        if not h.adapt_lower_bound:
            return
        grown, weight, above, slope = cls.model(h, measured, carried)
        if above < grown * weight * carried.bound:
            carried.bound = max(above / (2.0 * grown * weight), h.lower_bound)
        least = carried.mean_loss - carried.back + measured.sums["p"]
        least -= 0.5 * cls.how_far(h, measured, carried) * slope
        carried.next_bound = max(least / weight, h.lower_bound)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        grown = 1.0 + h.lr * h.weight_decay if h.decoupled_weight_decay else 1.0
        step = cls.how_far(h, measured, *carried)
        return c._replace(keep=1.0 / grown, step=step / grown)


@shipped
class MoMo(ModelOfTheLoss):
    """MoMo: momentum, as far as to where a model of the loss has its lower bound.

    ::

        m = beta * m + (1 - beta) * g                  m = g at the first step
        f = beta * f + (1 - beta) * loss               f = loss
        b = beta * b + (1 - beta) * sum(g * p)         b = sum(g * p)
        h = (1 + lr * weight_decay) * (f - lower_bound - b) + sum(m * p)
        step = min(lr, max(h, 0) / norm(m)^2)          0 where the norm is
        p = (p - step * m) / (1 + lr * weight_decay)

    Sums and norm are over all parameters. ``opt.step(grads, loss=loss)`` needs the loss whose gradients
    are given; with ``maximize=True`` it is ``-loss`` that has the lower bound.

    Schaipp et al., *MoMo: momentum models for adaptive learning rates* (arXiv:2305.07583), as the
    authors' package. Several groups share f, b and the lower bound, which follow from the first; lr and
    weight_decay of each are its own. A parameter that gets its first gradient later begins with m = 0.

    Parameters
    ----------
    lr : float >= 0
        The largest step size, and with weight_decay how much the parameter shrinks.
    weight_decay : float >= 0
        Shrinks the parameter as above.
    decoupled_weight_decay : bool
        Or, if False, is added to the gradient, times the parameter.
    beta : float >= 0 and < 1
        How much of the means is kept.
    bias_correction : bool
        Begin all means with 0, and correct for that: lower_bound is multiplied, lr divided by
        ``1 - beta^t``.
    lower_bound : float
        What the loss cannot fall below.
    adapt_lower_bound : bool
        Estimate what that is; lower_bound is then the least estimate, and the first.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.MoMo([w])
    >>> opt.step([w.copy()], loss=0.5 * float(w @ w))
    True
    >>> w
    array([1.5, 2. ])
    """

    facts = Facts(
        paper="arXiv:2305.07583",
        kind="loss-aware",
        good_for="what SGD with momentum is good for, with less of a search for the learning rate",
        states={"m": "running mean of gradients"},
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    beta: Scheduled = number(default=0.9, at_least=0.0, below=1.0)
    bias_correction: bool = flag(default=False)

    rule = staticmethod(momo)
    direction = staticmethod(momo_direction)
    sums: ClassVar = {"p": "values", "m": "squares", "back": "values"}

    @classmethod
    def means(cls, h: Values) -> tuple[float, bool]:
        return h.beta, h.bias_correction

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        kept = cls.kept(h, carried)
        return MomoCoefficients(kept, 1.0 - kept, 1.0, 0.0)


@shipped
class MoMoAdam(ModelOfTheLoss):
    """MoMo-Adam: Adam, as far as to where a model of the loss has its lower bound.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        d = m / (sqrt(v / (1 - beta2^t)) + eps)
        f = beta1 * f + (1 - beta1) * loss
        b = beta1 * b + (1 - beta1) * sum(g * p)
        w = 1 - beta1^t
        h = (1 + lr * weight_decay) * (f - w * lower_bound - b) + sum(m * p)
        step = min(lr / w, max(h, 0) / sum(m * d))     0 where the sum is
        p = (p - step * d) / (1 + lr * weight_decay)

    Sums are over all parameters, otherwise as `MoMo`.

    Schaipp et al., *MoMo: momentum models for adaptive learning rates* (arXiv:2305.07583), as the
    authors' package.

    Parameters
    ----------
    lr : float >= 0
        The largest step size, and with weight_decay how much the parameter shrinks.
    weight_decay : float >= 0
        Shrinks the parameter as above.
    decoupled_weight_decay : bool
        Or, if False, is added to the gradient, times the parameter.
    betas : two floats, >= 0 and < 1
        How much of the means and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    divide : bool
        If False, multiply the parameter by ``1 - lr * weight_decay`` before the step instead.
    lower_bound, adapt_lower_bound
        As of `MoMo`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.MoMoAdam([w], lr=1.0)
    >>> opt.step([w.copy()], loss=0.5 * float(w @ w))
    True
    >>> w.round(4)
    array([2., 3.])
    """

    facts = Facts(
        paper="arXiv:2305.07583",
        kind="loss-aware",
        good_for="what Adam is good for, with less of a search for the learning rate",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    divide: bool = flag(default=True)

    rule = staticmethod(momo_adam)
    direction = staticmethod(momo_adam_direction)
    sums: ClassVar = {"p": "values", "m": "values", "back": "values"}

    @classmethod
    def means(cls, h: Values) -> tuple[float, bool]:
        return h.betas[0], True

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2) = h.betas
        correct = 1.0 / (1.0 - power(beta2, t))
        moments = beta1, 1.0 - beta1, beta2, 1.0 - beta2
        return MomoAdamCoefficients(*moments, correct, h.eps, 1.0, 0.0)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        if h.divide or not h.decoupled_weight_decay:
            return super().between(h, c, measured, *carried)
        return c._replace(keep=1.0 - h.lr * h.weight_decay, step=cls.how_far(h, measured, *carried))
