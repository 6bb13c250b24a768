"""D-Adaptation: Adam, SGD, Adagrad, Lion and Adan by an estimate of the distance to the solution."""

from collections import namedtuple
from math import inf
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Measured,
    Scheduled,
    ScheduledOrNone,
    ScheduledPair,
    Values,
    flag,
    measurement,
    number,
    pair,
    shipped,
    sign,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def dadapt_adam_direction(p: Any, g: Any, m: Any, v: Any, s: Any, c: Any) -> Any:
    """Return how far the gradient points along the sum of those before, and the size of that."""
    p = c.take3 * (g * s / (np.sqrt(v) + c.eps))
    return p, m, v, np.abs(c.beta3 * s + c.take3 * g)


@shipped
def dadapt_adam(p: Any, g: Any, m: Any, v: Any, s: Any, c: Any) -> Any:
    """Step as Adam does; the size of the step is in the momentum."""
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    s = c.beta3 * s + c.take3 * g
    p = c.keep * p - m / (np.sqrt(v) + c.eps)
    return p, m, v, s


@shipped
def dadapt_sgd_direction(p: Any, g: Any, s: Any, start: Any, grad: Any, c: Any) -> Any:
    """Return how far the gradient points along the sum of those before, that sum, and the gradient."""
    return c.step * g * s, s + c.step * g, start, g


@shipped
def dadapt_sgd(p: Any, g: Any, s: Any, start: Any, c: Any) -> Any:
    """Average towards where the sum of gradients leads from the start, which begins as p."""
    start = start + c.begin * (p - start)
    s = s + c.step * g
    p = c.keep * p + c.take * (start - s)
    return p, s, start


@shipped
def dadapt_adagrad_direction(p: Any, g: Any, a: Any, s: Any, start: Any, grad: Any, c: Any) -> Any:
    """Return squares of the sum of gradients and of the gradient, divided, and the size of the sum."""
    a = a + g * g
    x = c.step * g
    s = s + x
    q = np.sqrt(a) + c.eps
    return s * s / q, a, np.abs(s), start, x * x / q


@shipped
def dadapt_adagrad(p: Any, g: Any, a: Any, s: Any, start: Any, c: Any) -> Any:
    """Average towards where the divided sum of gradients leads from the start, which begins as p."""
    start = start + c.begin * (p - start)
    a = a + g * g
    s = s + c.step * g
    p = c.keep * p + c.take * (start - s / (np.sqrt(a) + c.eps))
    return p, a, s, start


@shipped
def dadapt_lion_direction(p: Any, g: Any, m: Any, s: Any, c: Any) -> Any:
    """Return how far the step points along the sum of those before, and the size of that."""
    u = sign(c.beta1 * m + c.one_minus_beta1 * g)
    return c.take3 * u * s, m, np.abs(c.beta3 * s + c.take3 * u)


@shipped
def dadapt_lion(p: Any, g: Any, m: Any, s: Any, c: Any) -> Any:
    """Step as Lion does; the size of the step is in the momentum."""
    u = sign(c.beta1 * m + c.one_minus_beta1 * g)
    m = c.beta2 * m + c.take2 * g
    s = c.beta3 * s + c.take3 * u
    p = c.keep * p - c.step * u
    return p, m, s


@shipped
def dadapt_adan_direction(
    p: Any, g: Any, m: Any, v: Any, n: Any, s: Any, g_prev: Any, grad: Any, c: Any
) -> Any:
    """Return squares of the mean of gradients and of the gradient, divided, and the mean's size."""
    d = c.change * (g - g_prev)
    ahead = g + c.beta2 * d
    n = c.beta3 * n + c.one_minus_beta3 * ahead * ahead
    x = c.take3 * g
    s = c.beta3 * s + x
    q = np.sqrt(n) + c.eps
    return s * s / q, m, v, n, np.abs(s), g_prev, x * x / q


@shipped
def dadapt_adan(p: Any, g: Any, m: Any, v: Any, n: Any, s: Any, g_prev: Any, c: Any) -> Any:
    """Step as Adan does; the size of the step is in the means."""
    d = c.change * (g - g_prev)
    ahead = g + c.beta2 * d
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * d
    n = c.beta3 * n + c.one_minus_beta3 * ahead * ahead
    s = c.beta3 * s + c.take3 * g
    p = (p - (m + c.beta2 * v) / (np.sqrt(n) + c.eps)) / c.grown
    return p, m, v, n, s, g


DadaptAdamCoefficients = namedtuple(
    "DadaptAdamCoefficients", "beta1 take1 beta2 take2 beta3 take3 keep eps"
)


DadaptSgdCoefficients = namedtuple("DadaptSgdCoefficients", "begin step keep take")


DadaptAdagradCoefficients = namedtuple("DadaptAdagradCoefficients", "begin step keep take eps")


DadaptLionCoefficients = namedtuple(
    "DadaptLionCoefficients", "beta1 one_minus_beta1 beta2 take2 beta3 take3 keep step"
)


# change is 0 at the first step, which has no gradient before it, and 1 from then on
DadaptAdanCoefficients = namedtuple(
    "DadaptAdanCoefficients", "change beta1 take1 beta2 take2 beta3 one_minus_beta3 take3 grown eps"
)


class DAdaptation(Optimizer):
    """An estimate of the distance to the solution, which grows where it has been too small."""

    lr: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    d0: float = number(default=1e-6, above=0.0)
    growth_rate: ScheduledOrNone = number(default=None, at_least=1.0, optional=True)

    carried: ClassVar = {"d": measurement(), "r": measurement(at_least=-inf)}
    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    sums: ClassVar = {"p": "values", "s": "values"}

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @classmethod
    def kept(cls, h: Values, step: float) -> float:
        """Return how much decoupled weight decay leaves of a parameter."""
        return 1.0 - step * h.weight_decay if h.decoupled_weight_decay else 1.0

    @classmethod
    def distance(cls, c: Any, measured: Measured, carried: Values) -> float:
        """Return how far away the solution is at least; there have been gradients."""
        carried.r = c.beta3 * carried.r + measured.sums["p"]
        found: float = carried.r / ((1.0 - c.beta3) * measured.sums["s"])
        return found

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        carried.d = carried.d or h.d0
        if measured.sums["s"] != 0.0:
            limit = inf if h.growth_rate is None else carried.d * h.growth_rate
            carried.d = max(carried.d, min(cls.distance(c, measured, carried), limit))


@shipped
class DAdaptAdam(DAdaptation):
    """D-Adaptation of Adam: the learning rate is an estimate of the distance to the solution.

    ::

        dlr = d * lr * sqrt(1 - beta2^t) / (1 - beta1^t)              the fraction only if asked for
        k = sqrt(beta2)
        r = k * r + (1 - k) * dlr * sum(g * s / (sqrt(v) + eps))       over all parameters
        m = beta1 * m + (1 - beta1) * dlr * g
        v = beta2 * v + (1 - beta2) * g * g
        s = k * s + (1 - k) * dlr * g
        d' = r / ((1 - k) * sum(abs(s)))                               over all parameters
        d_next = max(d, min(d', d * growth_rate))
        p = p - m / (sqrt(v) + eps)

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float > 0
        Added to the root.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the parameter by ``dlr * weight_decay`` before the step.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    use_bias_correction : bool
        Correct the moments for what they begin with, as Adam does.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of steps
    v : running mean of squared gradients
    s : running mean of gradients, times the estimate

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptAdam([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Adam is good for, without a search for the learning rate",
        states={
            "m": "running mean of steps",
            "v": "running mean of squared gradients",
            "s": "running mean of gradients, times the estimate",
        },
    )

    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, above=0.0)
    use_bias_correction: bool = flag(default=False)

    rule = staticmethod(dadapt_adam)
    direction = staticmethod(dadapt_adam_direction)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), step = h.betas, (carried.d or h.d0) * h.lr
        if h.use_bias_correction:
            step *= sqrt(1.0 - power(beta2, t)) / (1.0 - power(beta1, t))
        beta3 = sqrt(beta2)
        moments = beta1, (1.0 - beta1) * step, beta2, 1.0 - beta2, beta3, (1.0 - beta3) * step
        return DadaptAdamCoefficients(*moments, cls.kept(h, step), h.eps)


@shipped
class DAdaptSGD(DAdaptation):
    """D-Adaptation of SGD: steps as long as an estimate of the distance to the solution.

    ::

        step = d * lr / norm(g0)
        r = r + step * sum(g * s)
        s = s + step * g
        d' = 2 * r / norm(s)
        d_next = max(d, min(d', d * growth_rate))
        p = momentum * p + (1 - momentum) * (p0 - s)

    p0 is the parameter before its first step, and g0 all gradients of the first step where they are
    not 0; sums and norms are over all parameters.

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    momentum : float >= 0 and < 1
        How much of p is kept.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the p of which momentum is kept by ``step * weight_decay``.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    s : sum of steps
    start : the parameter before the first step

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptSGD([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what SGD is good for, without a search for the learning rate",
        states={"s": "sum of steps", "start": "the parameter before the first step"},
    )

    momentum: Scheduled = number(default=0.0, at_least=0.0, below=1.0)

    carried: ClassVar = {**DAdaptation.carried, "g0": measurement()}
    rule = staticmethod(dadapt_sgd)
    direction = staticmethod(dadapt_sgd_direction)
    sums: ClassVar = {"p": "values", "s": "squares", "grad": "squares"}

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> Any:
        step = (carried.d or h.d0) * h.lr / carried.g0 if carried.g0 else 0.0
        keep = h.momentum * cls.kept(h, step)
        return DadaptSgdCoefficients(1.0 if t == 1 else 0.0, step, keep, 1.0 - h.momentum)

    @classmethod
    def distance(cls, c: Any, measured: Measured, carried: Values) -> float:
        carried.r = carried.r + measured.sums["p"]
        found: float = 2.0 * carried.r / sqrt(measured.sums["s"])
        return found

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        super().adapt(h, c, measured, carried)
        if carried.g0 == 0.0:
            carried.g0 = sqrt(measured.sums["grad"])

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        if c.step != 0.0:
            return c
        first = cls.coefficients(h, 1, *carried)  # which has not known the norm
        return first._replace(begin=c.begin)


@shipped
class DAdaptAdaGrad(DAdaptation):
    """D-Adaptation of Adagrad, in the form of dual averaging.

    ::

        a = a + g * g
        q = sqrt(a) + eps
        s = s + d * lr * g
        r = r + (d * lr)^2 * sum(g * g / q)
        d' = (sum(s * s / q) - r) / sum(abs(s))
        d_next = max(d, min(d', d * growth_rate))
        p = momentum * p + (1 - momentum) * (p0 - s / q)

    p0 is the parameter before its first step; sums are over all parameters.

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    momentum : float >= 0 and < 1
        How much of p is kept.
    eps : float > 0
        Added to the root.
    initial_accumulator_value : float >= 0
        What the sum of squares begins with.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the p of which momentum is kept by ``d * lr * weight_decay``.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    a : sum of squared gradients
    s : sum of gradients, times the estimate
    start : the parameter before the first step

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptAdaGrad([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Adagrad is good for, without a search for the learning rate",
        states={
            "a": "sum of squared gradients",
            "s": "sum of gradients, times the estimate",
            "start": "the parameter before the first step",
        },
    )

    momentum: Scheduled = number(default=0.0, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-6, above=0.0)
    initial_accumulator_value: Scheduled = number(default=1e-6, at_least=0.0, initial=True)

    rule = staticmethod(dadapt_adagrad)
    direction = staticmethod(dadapt_adagrad_direction)
    sums: ClassVar = {"p": "values", "s": "values", "grad": "values"}

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return h.initial_accumulator_value if name == "a" else 0.0

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        step = (carried.d or h.d0) * h.lr
        averages = h.momentum * cls.kept(h, step), 1.0 - h.momentum
        return DadaptAdagradCoefficients(1.0 if t == 1 else 0.0, step, *averages, h.eps)

    @classmethod
    def distance(cls, c: Any, measured: Measured, carried: Values) -> float:
        carried.r = carried.r + measured.sums["grad"]
        found: float = (measured.sums["p"] - carried.r) / measured.sums["s"]
        return found


@shipped
class DAdaptLion(DAdaptation):
    """D-Adaptation of Lion: every element moves by an estimate of the distance, up or down.

    ::

        u = sign(beta1 * m + (1 - beta1) * g)
        k = sqrt(beta2)
        r = k * r + (1 - k) * d * lr * sum(u * s)                      over all parameters
        m = beta2 * m + (1 - beta2) * d * lr * g
        s = k * s + (1 - k) * d * lr * u
        d' = r / ((1 - k) * sum(abs(s)))                               over all parameters
        d_next = max(d, min(d', d * growth_rate))
        p = p * (1 - d * lr * weight_decay) - d * lr * u

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it. With small batches this estimate can grow
    too far: begin with ``lr=0.03`` there.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the momentum is in the sign, and is kept.
    weight_decay : float >= 0
        Shrinks the parameter as above.
    decoupled_weight_decay : bool
        Or, if False, is added to the gradient, times the parameter.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients, times the estimate
    s : running mean of steps

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptLion([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 4.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Lion is good for, without a search for the learning rate",
        states={"m": "running mean of gradients, times the estimate", "s": "running mean of steps"},
    )

    betas: ScheduledPair = pair(default=(0.9, 0.99), below=1.0)
    decoupled_weight_decay: bool = flag(default=True)

    rule = staticmethod(dadapt_lion)
    direction = staticmethod(dadapt_lion_direction)

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), step = h.betas, (carried.d or h.d0) * h.lr
        beta3 = sqrt(beta2)
        moments = beta1, 1.0 - beta1, beta2, (1.0 - beta2) * step, beta3, (1.0 - beta3) * step
        return DadaptLionCoefficients(*moments, cls.kept(h, step), step)


@shipped
class DAdaptAdan(DAdaptation):
    """D-Adaptation of Adan: Nesterov's momentum by an estimate of the distance to the solution.

    ::

        c = g - g_prev                                 0 at the first step
        m = beta1 * m + (1 - beta1) * d * lr * g
        v = beta2 * v + (1 - beta2) * d * lr * c
        n = beta3 * n + (1 - beta3) * (g + beta2 * c)^2
        q = sqrt(n) + eps
        r = beta3 * r + (1 - beta3) * (d * lr)^2 * sum(g * g / q)
        s = beta3 * s + (1 - beta3) * d * lr * g
        d' = (sum(s * s / q) / (1 - beta3) - r) / sum(abs(s))
        d_next = max(d, min(d', d * growth_rate))
        p = (p - (m + beta2 * v) / q) / (1 + d * lr * weight_decay)

    Sums are over all parameters.

    Defazio and Mishchenko, *Learning-rate-free learning by D-Adaptation* (arXiv:2301.07733), as the
    authors' package, which leaves out a step where all gradients have been 0: here it is counted. One
    estimate holds for all groups; it begins with the d0, and grows with the hyperparameters, of the
    first. A group's own lr is a factor of it.

    Parameters
    ----------
    lr : float >= 0
        Factor of the estimate; 1, or what a schedule makes of it.
    betas : two floats, >= 0 and < 1
        How much of the mean of gradients and of that of their changes is kept.
    beta3 : float >= 0 and < 1
        How much of the mean of squares, and of what the estimate is made of.
    eps : float > 0
        Added to the root.
    weight_decay : float >= 0
        Shrinks the parameter as above.
    decoupled_weight_decay : bool
        Or, if False, is added to the gradient, times the parameter.
    d0 : float > 0
        The first estimate. Too small costs steps, too large cannot be taken back.
    growth_rate : float >= 1, optional
        By how much the estimate grows in a step at most; as much as it likes if nothing is said.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of steps
    v : running mean of changes of the gradient, times the estimate
    n : running mean of squares of where the gradient leads
    s : running mean of gradients, times the estimate
    g_prev : gradient of the step before

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DAdaptAdan([w], d0=0.01)
    >>> for _ in range(100):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 2.0)
    True
    """

    facts = Facts(
        paper="arXiv:2301.07733",
        kind="learning-rate-free",
        good_for="what Adan is good for, without a search for the learning rate",
        states={
            "m": "running mean of steps",
            "v": "running mean of changes of the gradient, times the estimate",
            "n": "running mean of squares of where the gradient leads",
            "s": "running mean of gradients, times the estimate",
            "g_prev": "gradient of the step before",
        },
    )

    betas: ScheduledPair = pair(default=(0.98, 0.92), below=1.0, third="beta3")
    beta3: Scheduled = number(default=0.99, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-8, above=0.0)
    weight_decay: Scheduled = number(default=2e-2, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)

    rule = staticmethod(dadapt_adan)
    direction = staticmethod(dadapt_adan_direction)
    sums: ClassVar = {"p": "values", "s": "values", "grad": "values"}

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        (beta1, beta2), step = h.betas, (carried.d or h.d0) * h.lr
        moments = beta1, (1.0 - beta1) * step, beta2, (1.0 - beta2) * step
        mean = h.beta3, 1.0 - h.beta3, (1.0 - h.beta3) * step
        grown = 1.0 + step * h.weight_decay if h.decoupled_weight_decay else 1.0
        return DadaptAdanCoefficients(0.0 if t == 1 else 1.0, *moments, *mean, grown, h.eps)

    @classmethod
    def distance(cls, c: Any, measured: Measured, carried: Values) -> float:
        carried.r = c.beta3 * carried.r + measured.sums["grad"] / c.one_minus_beta3
        found: float = (measured.sums["p"] / c.one_minus_beta3 - carried.r) / measured.sums["s"]
        return found
