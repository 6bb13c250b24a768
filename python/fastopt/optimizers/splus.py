"""SPlus."""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastopt.algorithm import (
    Facts,
    Measured,
    Move,
    Scheduled,
    ScheduledPair,
    Values,
    flag,
    number,
    pair,
    shipped,
    whole_number,
)
from fastopt.numerics import eigen, power, squared_along
from fastopt.optimizers.as_whole import Array, AsWhole
from fastopt.optimizers.soap import rotated, rotated_back


@shipped
def splus_gradient(p: Any, g: Any, average: Any, o: Any, c: Any) -> Any:
    """Return the gradient."""
    return g, average, o


@shipped
def splus(p: Any, g: Any, average: Any, o: Any, c: Any) -> Any:
    """Step along what has become of it, average where that leads, and decay."""
    p = p - c.step * o
    average = average + c.share * (p - average)
    p = c.keep * p
    return p, average, o


@shipped
def splus_average(p: Any, g: Any, c: Any) -> Any:
    """Move p to the average, which stands in place of the gradient."""
    return c.share * g


SplusCoefficients = namedtuple("SplusCoefficients", "step share keep")
SplusAverageCoefficients = namedtuple("SplusAverageCoefficients", "share")


@shipped
class SPlus(AsWhole):
    """SPlus: signs of the momentum in the eigenbases of Shampoo, and the average of where they lead.

    ::

        m = beta1 * m + (1 - beta1) * g
        u = QL @ sign(QL.T @ m @ QR) @ QR.T                    of a matrix; sign(m) of other arrays
        k = lr * 2 / (rows + columns)                          lr * nonstandard_constant of others
        L = beta2 * L + (1 - beta2) * g @ g.T
        R = beta2 * R + (1 - beta2) * g.T @ g
        QL, QR = eigenvectors of L and R        after the first step, and every inverse_every steps
        p = p - k * u
        average = average + (1 - ema_rate) / (1 - ema_rate^t) * (p - average)
        p = p * (1 - k * weight_decay)

    The model is to be used at the average: in ``with opt.averaged():``, or after ``opt.eval()``, as
    with Schedule-Free algorithms. QL and QR begin as the identity. A side longer than `max_dim` has
    no basis; then k is that of other arrays.

    Frans et al., *A stable whitening optimizer for efficient neural network training*
    (arXiv:2506.07254), as the authors' file, whose average is divided by ``1 - ema_rate^t`` when it is
    used. Layers with constants of their own, such as embeddings, are groups with another lr.
    Eigenvectors and products are NumPy's LAPACK's and BLAS's. Where gradients of a matrix have a null
    space, eigenvectors in there are as LAPACK chooses, and signs of roundings count: another LAPACK
    trains otherwise.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the momentum, and of L and R, is kept.
    eps : float >= 0
        Added to the diagonals of L and R for their eigenvectors.
    inverse_every : int >= 1
        The number of steps from one pair of bases to the next.
    ema_rate : float >= 0 and < 1
        How much of the average is kept.
    max_dim : int >= 1
        The length of the longest side of a matrix that has a basis.
    nonstandard_constant : float >= 0
        The factor of lr for what is no matrix, or too large a one.
    weight_decay : float >= 0
        Shrinks parameters by ``k * weight_decay`` after the update and the average.
    decoupled_weight_decay : bool
        Decay the weights as above; if False, add ``weight_decay * p`` to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    average : running mean of parameters, at which the model is used
    m : running mean of gradients
    L0 : running mean of products of rows
    Q0 : its eigenvectors, one in each column
    L1 : the same of columns
    Q1 : its eigenvectors, one in each column

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.SPlus([w], lr=1.0, weight_decay=0.0)
    >>> for _ in range(2):
    ...     _ = opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    >>> w.round(3)
    array([[-1.,  0.],
           [ 0.,  1.]])
    >>> with opt.averaged():
    ...     print(w.round(3))
    [[-0.75  0.  ]
     [ 0.    0.75]]
    """

    facts = Facts(
        paper="arXiv:2506.07254",
        kind="matrix",
        good_for="transformers, in fewer steps than AdamW; what is used is an average",
        states={
            "average": "running mean of parameters, at which the model is used",
            "m": "running mean of gradients",
            "L0": "running mean of products of rows",
            "Q0": "its eigenvectors, one in each column",
            "L1": "the same of columns",
            "Q1": "its eigenvectors, one in each column",
        },
    )

    lr: Scheduled = number(default=0.1, at_least=0.0)
    weight_decay: Scheduled = number(default=0.01, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=True)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-30, at_least=0.0)
    inverse_every: Scheduled = number(default=100.0, at_least=1.0, whole=True)
    ema_rate: Scheduled = number(default=0.999, at_least=0.0, below=1.0)
    max_dim: int = whole_number(default=10000, at_least=1)
    nonstandard_constant: Scheduled = number(default=1e-3, at_least=0.0)

    rule = staticmethod(splus)
    direction = staticmethod(splus_gradient)
    decays = True  # the rule itself, where it is decoupled

    @classmethod
    def average(cls, h: Values) -> Move:
        return Move("average", splus_average, SplusAverageCoefficients(1.0))

    @classmethod
    def form(cls, h: Values) -> str:
        return str(h.max_dim)

    @classmethod
    def axes(cls, h: Values, shape: Sequence[int]) -> list[int]:
        """List the axes that have a basis."""
        if len(shape) != 2:
            return []
        return [axis for axis, length in enumerate(shape) if length <= h.max_dim]

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        found = {"m": p.shape}
        for axis in cls.axes(h, p.shape):
            found[f"L{axis}"] = found[f"Q{axis}"] = (p.shape[axis],) * 2
        return found

    @classmethod
    def initial_state(cls, h: Values, name: str, p: Array) -> Any:
        return np.eye(p.shape[int(name[1:])]) if name.startswith("Q") else 0.0

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        share = (1.0 - h.ema_rate) / (1.0 - power(h.ema_rate, t))
        return SplusCoefficients(h.lr, share, 1.0)

    @classmethod
    def between(cls, h: Values, c: Any, measured: Measured, *carried: Values) -> Any:
        standard = len(cls.axes(h, measured.shape)) == 2
        step = h.lr * (2.0 / sum(measured.shape) if standard else h.nonstandard_constant)
        decay = step * h.weight_decay if h.decoupled_weight_decay else 0.0
        return c._replace(step=step, keep=1.0 - decay)

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        g, axes, of = np.array(u, order="C"), cls.axes(h, u.shape), u.dtype.type
        (beta1, beta2), bases = h.betas, {axis: kept[f"Q{axis}"] for axis in axes}
        m = kept["m"] = of(beta1) * kept["m"] + of(1.0 - beta1) * g
        u[...] = rotated_back(np.sign(rotated(m, bases)), bases)
        for axis in axes:
            share = of(1.0 - beta2) * squared_along(g, axis)
            square = kept[f"L{axis}"] = of(beta2) * kept[f"L{axis}"] + share
            if t == 1 or t % h.inverse_every == 0:
                diagonal = of(h.eps) * np.eye(len(square), dtype=u.dtype)
                _, kept[f"Q{axis}"] = eigen(square + diagonal)
