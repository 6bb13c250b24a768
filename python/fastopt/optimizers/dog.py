"""DoG, L-DoG and DoWG: step sizes from the way that has been gone, over the gradients on it."""

from collections import namedtuple
from math import sqrt
from typing import Any, ClassVar

from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Measured,
    Scheduled,
    Values,
    flag,
    measurement,
    number,
    shipped,
)
from fastopt.optimizer import Optimizer


@shipped
def dog_direction(p: Any, g: Any, start: Any, grad: Any, c: Any) -> Any:
    """Return the way from the start, and the gradient."""
    start = start + c.begin * (p - start)
    return p - start, start, g


@shipped
def dog(p: Any, g: Any, start: Any, c: Any) -> Any:
    """Step along the gradient, from the start on."""
    start = start + c.begin * (p - start)
    p = c.keep * p - c.step * g
    return p, start


DogCoefficients = namedtuple("DogCoefficients", "begin keep step")


class OverGradients(Optimizer):
    """Plain steps of a size that follows from the way from the start and from the gradients."""

    lr: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)

    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    rule = staticmethod(dog)
    direction = staticmethod(dog_direction)
    sums: ClassVar = {"p": "squares", "grad": "squares"}

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        return DogCoefficients(1.0 if t == 1 else 0.0, 1.0, 0.0)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        step = h.lr * carried[0].eta
        keep = 1.0 - step * h.weight_decay if h.decoupled_weight_decay else 1.0
        return c._replace(keep=keep, step=step)


@shipped
class DoG(OverGradients):
    """DoG: the largest distance from the start so far, over the root of all squared gradients so far.

    ::

        r = max(r, norm(p - p0))                       reps_rel * (1 + norm(p)) at the first step
        G = G + norm(g)^2                              begins with eps
        eta = r / sqrt(G)                              init_eta at the first step, if there is one
        p = p - lr * eta * g

    p0 is the parameter before its first step; norms are over all parameters.

    Ivgi, Hinder and Carmon, *DoG is SGD's best friend: a parameter-free dynamic step size schedule*
    (arXiv:2302.12022). The authors take an average of the parameters for the model, such as that of
    ``ema=0.999``. With init_eta, r begins with 0; lr is a factor of it, as in optax. Several groups
    share one eta, which a group's own lr is a factor of; reps_rel, eps and init_eta are the first's.

    Parameters
    ----------
    lr : float >= 0
        Factor of the step size; 1, or what a schedule makes of it.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the parameter by ``lr * eta * weight_decay``.
    reps_rel : float > 0
        How far the first step goes, relative to 1 and the norm of the parameters; 1e-4 is recommended
        for models with batch normalization.
    eps : float > 0
        What the sum of squared gradients begins with.
    init_eta : float > 0, optional
        The first step size, in place of that by reps_rel.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    start : the parameter before the first step

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DoG([w], reps_rel=0.1)
    >>> for _ in range(60):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 0.1)
    True
    """

    facts = Facts(
        paper="arXiv:2302.12022",
        kind="learning-rate-free",
        good_for="fine-tuning without a search for the learning rate, with `ema`",
        states={"start": "the parameter before the first step"},
    )

    reps_rel: float = number(default=1e-6, above=0.0)
    eps: float = number(default=1e-8, above=0.0)
    init_eta: float | None = number(default=None, above=0.0, optional=True)
    sums: ClassVar = {"p": "squares", "grad": "squares", "weight": "squares"}

    carried: ClassVar = {"r": measurement(), "G": measurement(), "eta": measurement()}

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        first = carried.G == 0.0
        carried.G = (carried.G or h.eps) + measured.sums["grad"]
        if not first:
            carried.r = max(measured.direction, carried.r)
        elif h.init_eta is None:
            carried.r = h.reps_rel * (1.0 + measured.weight)
        carried.eta = carried.r / sqrt(carried.G)
        if first and h.init_eta is not None:
            carried.eta = h.init_eta


@shipped
class LDoG(DoG):
    """L-DoG: DoG for each array by itself.

    ::

        r = max(r, norm(p - p0))                       reps_rel * (1 + norm(p)) at the first step
        G = G + norm(g)^2                              begins with eps
        eta = r / sqrt(G)                              init_eta at the first step, if there is one
        p = p - lr * eta * g

    p0 is the parameter before its first step; norms are of one array, and so are r, G and eta.

    Ivgi, Hinder and Carmon, *DoG is SGD's best friend: a parameter-free dynamic step size schedule*
    (arXiv:2302.12022).

    Parameters
    ----------
    lr, reps_rel, eps, init_eta, decoupled_weight_decay
        As of `DoG`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    start : the parameter before the first step

    Examples
    --------
    >>> w, b = np.array([3.0, 4.0]), np.array([100.0])
    >>> opt = fastopt.LDoG([w, b], reps_rel=0.1)
    >>> for _ in range(60):
    ...     taken = opt.step([w.copy(), b.copy()])
    >>> bool(np.linalg.norm(w) < 0.1), bool(abs(b[0]) < 0.1)
    (True, True)
    """

    carries_norms = True
    measures_all = False

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        cls.adapt(h, c, measured, *carried)
        return super().between(h, c, measured, *carried)


@shipped
class DoWG(OverGradients):
    """DoWG: DoG that weights gradients by the distance at which they were taken, and steps further.

    ::

        r2 = max(r2, norm(p - p0)^2)                   begins with init_estim_sq_dist, or eps
        v = v + r2 * norm(g)^2
        p = p - lr * r2 / (sqrt(v) + eps) * g

    p0 is the parameter before its first step; norms are over all parameters.

    Khaled, Mishchenko and Jin, *DoWG unleashed: an efficient universal parameter-free gradient descent
    method* (arXiv:2305.16284), as in optax. Several groups share one step size, which a group's own lr
    is a factor of; eps and init_estim_sq_dist are the first's.

    Parameters
    ----------
    lr : float >= 0
        Factor of the step size; 1, or what a schedule makes of it.
    weight_decay : float >= 0
        Is added to the gradient, times the parameter.
    decoupled_weight_decay : bool
        Or, if True, shrinks the parameter by its step size times weight_decay.
    eps : float > 0
        Added to the root; and the first squared distance, if nothing else is said.
    init_estim_sq_dist : float > 0, optional
        The first squared distance.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    start : the parameter before the first step

    Examples
    --------
    >>> w = np.array([3.0, 4.0])
    >>> opt = fastopt.DoWG([w])
    >>> for _ in range(60):
    ...     taken = opt.step([w.copy()])
    >>> bool(np.linalg.norm(w) < 0.1)
    True
    """

    facts = Facts(
        paper="arXiv:2305.16284",
        kind="learning-rate-free",
        good_for="convex and other full-batch problems without a search for the learning rate",
        states={"start": "the parameter before the first step"},
    )

    eps: float = number(default=1e-4, above=0.0)
    init_estim_sq_dist: float | None = number(default=None, above=0.0, optional=True)

    carried: ClassVar = {"r2": measurement(), "v": measurement(), "eta": measurement()}

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        begin = h.eps if h.init_estim_sq_dist is None else h.init_estim_sq_dist
        carried.r2 = max(measured.sums["p"], carried.r2 or begin)
        carried.v = carried.v + carried.r2 * measured.sums["grad"]
        carried.eta = carried.r2 / (sqrt(carried.v) + h.eps)
