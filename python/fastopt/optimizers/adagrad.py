"""Adagrad."""

from collections import namedtuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, choice, number, shipped
from fastopt.optimizer import Optimizer


@shipped
def adagrad(p: Any, g: Any, a: Any, c: Any) -> Any:
    """Divide by the root of the sum of all squared gradients."""
    a = a + g * g
    p = p - c.lr * g / (np.sqrt(a + c.eps_root) + c.eps)
    return p, a


# eps_root stands inside the square root
AdagradCoefficients = namedtuple("AdagradCoefficients", "lr eps_root eps")


@shipped
class Adagrad(Optimizer):
    """Adagrad, as ``torch.optim.Adagrad``: each element's steps become shorter the more it has moved.

    ::

        a = a + g * g
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(a) + eps)

    Duchi, Hazan and Singer, *Adaptive subgradient methods for online learning and stochastic
    optimization* (JMLR 12, 2011). Differs from PyTorch: a group can have an
    `initial_accumulator_value` of its own, which PyTorch ignores.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    lr_decay : float >= 0
        How fast the learning rate falls with the number of steps.
    initial_accumulator_value : float >= 0
        What the sum of squares begins with.
    eps : float >= 0
        Added to the root.
    eps_placement : {"outside", "inside"}
        Where eps is added: ``sqrt(a) + eps`` or ``sqrt(a + eps)``, as in Keras and optax.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    a : sum of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Adagrad([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="Duchi, Hazan and Singer (JMLR 12, 2011)",
        kind="adaptive",
        good_for="rare features, such as words; convex problems",
        states={"a": "sum of squared gradients"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    lr_decay: Scheduled = number(default=0.0, at_least=0.0)
    initial_accumulator_value: Scheduled = number(default=0.0, at_least=0.0, initial=True)
    eps: Scheduled = number(default=1e-10, at_least=0.0)
    eps_placement: str = choice("outside", "inside", default="outside")

    rule = staticmethod(adagrad)

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return h.initial_accumulator_value

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        step = h.lr / (1.0 + (t - 1) * h.lr_decay)
        placed = (h.eps, 0.0) if h.eps_placement == "inside" else (0.0, h.eps)
        return AdagradCoefficients(step, *placed)
