"""DAdaptAdaGrad."""

from collections import namedtuple
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Measured, Scheduled, Values, number, shipped
from fastopt.optimizers.dadaptation import DAdaptation


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


DadaptAdagradCoefficients = namedtuple("DadaptAdagradCoefficients", "begin step keep take eps")


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
