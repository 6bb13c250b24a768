"""SMORMS3."""

from collections import namedtuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, minimum, number, shipped
from fastopt.optimizer import Optimizer


@shipped
def smorms3(p: Any, g: Any, memory: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide by the root of a mean over as many steps as the gradients disagree."""
    r = c.one / (memory + c.one)
    m = (c.one - r) * m + r * g
    v = (c.one - r) * v + r * g * g
    agreement = m * m / (v + c.eps)
    memory = c.one + memory * (c.one - agreement)
    p = p - minimum(c.lr, agreement) * g / (np.sqrt(v) + c.eps)
    return p, memory, m, v


Smorms3Coefficients = namedtuple("Smorms3Coefficients", "lr eps one")


@shipped
class SMORMS3(Optimizer):
    """RMSprop that finds by itself, for each element, how long its memory is and how long a step.

    ::

        r = 1 / (memory + 1)                           memory begins as 1
        m = (1 - r) * m + r * g
        v = (1 - r) * v + r * g * g
        x = m * m / (v + eps)
        memory = 1 + memory * (1 - x)
        p = p - min(lr, x) * g / (sqrt(v) + eps)

    Funk, *RMSprop loses to SMORMS3 - beware the epsilon!* (sifter.org, 2015), and as Chainer had it. x
    is 1 where all gradients agree, and near 0 where they are noise.

    Parameters
    ----------
    lr : float >= 0
        The largest learning rate.
    eps : float >= 0
        Added to v and to its root.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    memory : number of steps that the means are over
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.SMORMS3([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.85857864, 1.14142136])
    """

    facts = Facts(
        paper="Funk, RMSprop loses to SMORMS3 (2015)",
        kind="adaptive",
        good_for="what RMSprop is good for, without a schedule",
        states={
            "memory": "number of steps that the means are over",
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
        },
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    eps: Scheduled = number(default=1e-16, at_least=0.0)

    rule = staticmethod(smorms3)

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return 1.0 if name == "memory" else 0.0

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return Smorms3Coefficients(h.lr, h.eps, 1.0)
