"""NovoGrad."""

from collections import namedtuple
from math import sqrt
from typing import Any, ClassVar

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
from fastopt.optimizer import Optimizer


@shipped
def novograd(p: Any, g: Any, m: Any, c: Any) -> Any:
    """Add the gradient, divided by its running norm, to the momentum, and the decay."""
    m = c.beta1 * m + c.take * (g / c.denominator + c.decay * p)
    p = p - c.lr * m
    return p, m


@shipped
def novograd_gradient(p: Any, g: Any, m: Any, c: Any) -> Any:
    """Return the gradient, which is measured."""
    return g, m


NovogradCoefficients = namedtuple("NovogradCoefficients", "beta1 take denominator decay lr")


@shipped
class NovoGrad(Optimizer):
    """NovoGrad: one second moment for each array, and momentum of what it divides.

    ::

        v = beta2 * v + (1 - beta2) * norm(g)^2                v = norm(g)^2 where it is 0 still
        m = beta1 * m + g / (sqrt(v) + eps) + weight_decay * p
        p = p - lr * m

    Ginsburg et al., *Stochastic gradient methods with layer-wise adaptive moments for training of deep
    networks* (arXiv:1905.11286), in the form of its authors, whose v also begins late where the first
    gradients are 0. optax has betas=(0.9, 0.25) by default.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the momentum and of the second moment is kept.
    eps : float > 0
        Added to the root.
    weight_decay : float >= 0
        Added to the divided gradient.
    decoupled_weight_decay : bool
        Shrink the parameter by ``lr * weight_decay`` before the step instead.
    grad_averaging : bool
        Multiply what is added to the momentum by ``1 - beta1``.
    amsgrad : bool
        Divide by the root of the largest v so far.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : momentum of divided gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.NovoGrad([w], lr=0.1)
    >>> opt.step([np.array([3.0, -4.0])])
    True
    >>> w.round(4)
    array([0.94, 1.08])
    """

    facts = Facts(
        paper="arXiv:1905.11286",
        kind="layerwise",
        good_for="speech and language models, with half of Adam's memory",
        states={"m": "momentum of divided gradients"},
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.95, 0.98), below=1.0)
    eps: Scheduled = number(default=1e-8, above=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    grad_averaging: bool = flag(default=False)
    amsgrad: bool = flag(default=False)

    decays = False  # the rule itself, where it is not decoupled
    carried: ClassVar = {
        "v": measurement(),
        "v_max": measurement(),
    }
    carries_norms = True
    rule = staticmethod(novograd)
    direction = staticmethod(novograd_gradient)
    sums: ClassVar = {"p": "squares"}

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1 = h.betas[0]
        take = 1.0 - beta1 if h.grad_averaging else 1.0
        decay = 0.0 if h.decoupled_weight_decay else h.weight_decay
        return NovogradCoefficients(beta1, take, 1.0, decay, h.lr)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        (kept,) = carried
        beta2, squared = h.betas[1], measured.direction * measured.direction
        kept.v = squared if kept.v == 0.0 else beta2 * kept.v + (1.0 - beta2) * squared
        kept.v_max = kept.v if kept.v != kept.v else max(kept.v_max, kept.v)
        return c._replace(denominator=sqrt(kept.v_max if h.amsgrad else kept.v) + h.eps)
