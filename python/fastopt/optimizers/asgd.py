"""Averaged SGD."""

from collections import namedtuple
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import Facts, Scheduled, Values, number, select, shipped
from fastopt.numerics import real_power
from fastopt.optimizer import Optimizer


@shipped
def asgd(p: Any, g: Any, average: Any, c: Any) -> Any:
    """Descend along the gradient, with a decay; the average is p until it begins."""
    p = c.keep * p - c.lr * g
    average = select(c.share == c.one, p, average + c.share * (p - average))
    return p, average


AsgdCoefficients = namedtuple("AsgdCoefficients", "keep lr share one")


@shipped
class ASGD(Optimizer):
    """Averaged SGD, as ``torch.optim.ASGD``: the mean of the parameters is kept beside them.

    ::

        eta = lr / (1 + lambd * lr * (t - 1))^alpha
        p = (1 - lambd * eta) * p - eta * g
        average = average + 1 / max(1, t - 1 - t0) * (p - average)

    Polyak and Juditsky, *Acceleration of stochastic approximation by averaging* (SIAM J. Control Optim.
    30, 1992); the rate that falls: Xu, *Towards optimal one pass large scale learning with averaged
    stochastic gradient descent* (arXiv:1107.2490). The average is read as
    ``opt.state["w"]["average"]``. Differs from PyTorch where the learning rate is scheduled: it acts in
    the step that it is for, and not in the next; and eta is no float32, PyTorch's default dtype.

    Parameters
    ----------
    lr : float >= 0
        Learning rate of the first step.
    lambd : float >= 0
        How fast the learning rate falls, and how much the parameters shrink.
    alpha : float >= 0 and <= 16
        The power by which the learning rate falls.
    t0 : float >= 0
        The number of steps before the average begins; until then it is p.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    average : mean of the parameters from step t0 + 2 on

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.ASGD([w], lr=0.1, lambd=0.0, t0=0.0)
    >>> for _ in range(3):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.7, 1.6])
    >>> opt.state["0"]["average"]
    array([0.75, 1.5 ])
    """

    facts = Facts(
        paper="Polyak and Juditsky (SIAM J. Control Optim. 30, 1992); arXiv:1107.2490",
        kind="momentum",
        good_for="convex problems, whose average is better than the last step",
        states={"average": "mean of the parameters from step t0 + 2 on"},
    )

    lr: Scheduled = number(default=1e-2, at_least=0.0)
    lambd: Scheduled = number(default=1e-4, at_least=0.0)
    alpha: Scheduled = number(default=0.75, at_least=0.0, at_most=16.0)
    t0: Scheduled = number(default=1e6, at_least=0.0)

    rule = staticmethod(asgd)

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p, of which the average consists when it begins."""
        return p

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        lr = h.lr / real_power(1.0 + h.lambd * h.lr * (t - 1), h.alpha)
        return AsgdCoefficients(1.0 - h.lambd * lr, lr, 1.0 / max(1.0, t - 1 - h.t0), 1.0)
