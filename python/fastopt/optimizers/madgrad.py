"""MADGRAD."""

from collections import namedtuple
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, cube_root, number, shipped
from fastopt.numerics import sqrt
from fastopt.optimizer import Optimizer


@shipped
def madgrad(p: Any, g: Any, start: Any, s: Any, v: Any, c: Any) -> Any:
    """Average towards where the sum of gradients leads from the start, which begins as p."""
    start = start + c.begin * (p - start)
    v = v + c.k * g * g
    s = s + c.k * g
    z = start - s / (cube_root(v) + c.eps)
    p = c.keep * p + c.take * z
    return p, start, s, v


MadgradCoefficients = namedtuple("MadgradCoefficients", "k keep take eps begin")


@shipped
class MADGRAD(Optimizer):
    """MADGRAD: momentumized, adaptive dual averaging.

    ::

        k = (lr + eps) * sqrt(t)
        v = v + k * g * g
        s = s + k * g
        z = p0 - s / (v^(1/3) + eps)                   p0: p before the first step
        p = momentum * p + (1 - momentum) * z

    Defazio and Jelassi, *Adaptivity without compromise: a momentumized, adaptive, dual averaged
    gradient method for stochastic optimization* (arXiv:2101.11075). The cube root is computed without
    the machine's math library, so that its bits are the same everywhere. Differs from the authors' file
    and timm: with momentum 0 p0 is kept too; with decoupled weight decay it is p after the first decay.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of p is kept.
    eps : float >= 0
        Added to the cube root, and to the learning rate.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    start : the parameter before the first step
    s : weighted sum of gradients
    v : weighted sum of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.MADGRAD([w], lr=0.125, momentum=0.0, eps=0.0)
    >>> opt.step([np.array([1.0, -1.0])])
    True
    >>> w
    array([0.75, 1.25])
    """

    facts = Facts(
        paper="arXiv:2101.11075",
        kind="adaptive",
        good_for="what SGD with momentum and Adam are good for, with little weight decay",
        states={
            "start": "the parameter before the first step",
            "s": "weighted sum of gradients",
            "v": "weighted sum of squared gradients",
        },
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    momentum: Scheduled = number(default=0.9, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-6, at_least=0.0)

    rule = staticmethod(madgrad)

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        k = (h.lr + h.eps) * sqrt(t)
        begin = 1.0 if t == 1 else 0.0
        return MadgradCoefficients(k, h.momentum, 1.0 - h.momentum, h.eps, begin)
