"""DAdaptSGD."""

from collections import namedtuple
from typing import Any, ClassVar

from fastopt.algorithm import Facts, Measured, Scheduled, Values, measurement, number, shipped
from fastopt.numerics import sqrt
from fastopt.optimizers.dadaptation import DAdaptation


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


DadaptSgdCoefficients = namedtuple("DadaptSgdCoefficients", "begin step keep take")


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
