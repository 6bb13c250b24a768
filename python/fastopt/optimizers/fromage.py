"""Fromage."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import Facts, Measured, Scheduled, Values, number, shipped
from fastopt.numerics import sqrt
from fastopt.optimizer import Optimizer


@shipped
def fromage(p: Any, g: Any, c: Any) -> Any:
    """Descend along the gradient, and shrink."""
    p = p - c.step * g
    return p - c.shrink * p


@shipped
def fromage_gradient(p: Any, g: Any, c: Any) -> Any:
    """Return the gradient, which is measured."""
    return g


FromageCoefficients = namedtuple("FromageCoefficients", "step shrink")


@shipped
class Fromage(Optimizer):
    """Fromage: the step of each array is the share lr of its length, and it does not grow by that.

    ::

        ratio = max(norm(p), min_norm) / max(norm(g), min_norm)    1 where that is 0 / 0
        p = (p - lr * ratio * g) / sqrt(1 + lr^2)

    Bernstein et al., *On the distance between two neural networks and the stability of learning*
    (arXiv:2002.03432), with optax's min_norm.

    Parameters
    ----------
    lr : float >= 0
        Learning rate: the share of its length by which an array changes.
    min_norm : float >= 0
        The least that norms are taken for.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.Fromage([w], lr=0.75)
    >>> opt.step([np.array([0.0, 2.0])])
    True
    >>> w
    array([2.4, 0.2])
    """

    facts = Facts(
        paper="arXiv:2002.03432",
        kind="layerwise",
        good_for="networks of very different layers, with one learning rate",
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    min_norm: Scheduled = number(default=1e-6, at_least=0.0)

    rule = staticmethod(fromage)
    direction = staticmethod(fromage_gradient)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return FromageCoefficients(h.lr, 1.0 - 1.0 / sqrt(1.0 + h.lr * h.lr))

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        weight, gradient = max(measured.weight, h.min_norm), max(measured.direction, h.min_norm)
        if gradient == 0.0 or weight == 0.0:
            return c
        return c._replace(step=c.step * (weight / gradient))
