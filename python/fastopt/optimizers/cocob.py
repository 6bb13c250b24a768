"""COCOB."""

from collections import namedtuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, maximum, nonnegative, number, shipped
from fastopt.optimizer import Optimizer


@shipped
def cocob(p: Any, g: Any, start: Any, largest: Any, total: Any, reward: Any, slope: Any, c: Any) -> Any:
    """Bet on the sign of the gradients how far p lies from the start; start begins as p."""
    start = start + c.begin * (p - start)
    largest = maximum(largest, np.abs(g))
    total = total + np.abs(g)
    reward = nonnegative(reward - g * (p - start))
    slope = slope - g
    bet = slope / largest * ((largest + reward) / maximum(total + largest, c.alpha * largest))
    p = p + c.lr * (start + bet - p)
    return p, start, largest, total, reward, slope


CocobCoefficients = namedtuple("CocobCoefficients", "lr alpha begin")


@shipped
class COCOB(Optimizer):
    """COCOB-Backprop: no learning rate; the steps are bets, whose stakes are what was won before.

    ::

        L = max(L, |g|)                                L begins as eps
        G = G + |g|
        R = max(R - g * (p - p0), 0)                   p0: p before the first step
        S = S - g
        p = p0 + S / (L * max(G + L, alpha * L)) * (L + R)

    Orabona and Tommasi, *Training deep networks without learning rates through coin betting*
    (arXiv:1705.07795).

    Parameters
    ----------
    lr : float >= 0
        The share of the way to the new p that is gone; the algorithm is that with 1.
    alpha : float > 0
        How careful the first bets are.
    eps : float > 0
        What the largest gradient begins with.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    start : the parameter before the first step
    largest : largest gradient, by absolute value
    total : sum of the absolute values of gradients
    reward : what was won
    slope : sum of gradients, negative

    Examples
    --------
    >>> w = np.zeros(2)
    >>> opt = fastopt.COCOB([w])
    >>> for _ in range(200):
    ...     _ = opt.step([w - np.array([1.0, -2.0])])
    >>> w.round(2)
    array([ 1., -2.])
    """

    facts = Facts(
        paper="arXiv:1705.07795",
        kind="adaptive",
        good_for="training without a learning rate to choose",
        states={
            "start": "the parameter before the first step",
            "largest": "largest gradient, by absolute value",
            "total": "sum of the absolute values of gradients",
            "reward": "what was won",
            "slope": "sum of gradients, negative",
        },
    )

    lr: Scheduled = number(default=1.0, at_least=0.0)
    alpha: Scheduled = number(default=100.0, above=0.0)
    eps: Scheduled = number(default=1e-8, above=0.0, initial=True)

    rule = staticmethod(cocob)

    @classmethod
    def initial_state(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        return h.eps if name == "largest" else 0.0

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return CocobCoefficients(h.lr, h.alpha, 1.0 if t == 1 else 0.0)
