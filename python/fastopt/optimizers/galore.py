"""GaLoreAdamW and Conda: Adam in the coordinates of singular vectors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    number,
    pair,
    shipped,
    whole_number,
)
from fastopt.numerics import flattened, power, singular_vectors, sqrt
from fastopt.optimizers.as_whole import Array, AsWholeCoefficients, OfWholeMatrices

Shapes = Mapping[str, tuple[int, ...]]


def sides(p: Array) -> tuple[int, int]:
    """Return the numbers of rows and of columns of a matrix, or of a kernel as one."""
    return len(p), p.size // len(p) if len(p) else 0


def narrow(p: Array, rank: int) -> tuple[int, int]:
    """Return the shape of what is projected: with fewer columns, or rows where those are fewer."""
    rows, columns = sides(p)
    return (rows, rank) if rows >= columns else (rank, columns)


def projected(x: Array, directions: Array) -> Array:
    """Return the coordinates of the rows of a matrix, or of its columns where those are longer."""
    found: Array = x @ directions.T if len(x) >= x.shape[1] else directions @ x
    return found


def restore(u: Array, x: Array, directions: Array) -> None:
    """Fill an array with what has these coordinates."""
    rows, columns = sides(u)
    u[...] = (x @ directions if rows >= columns else directions.T @ x).reshape(u.shape)


def moment(h: Values, which: int, before: Array, x: Array) -> Array:
    """Return a running mean with a new value in it."""
    of, beta = x.dtype.type, h.betas[which]
    found: Array = of(beta) * before + of(1.0 - beta) * x
    return found


class OfDirections(OfWholeMatrices):
    """The base of those that run Adam on what is projected."""

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default="after")
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        return AsWholeCoefficients(h.lr * sqrt(1.0 - power(beta2, t)) / (1.0 - power(beta1, t)))


class OfFewDirections(OfDirections):
    """The base of those that keep moments of what is projected to a low rank."""

    eps: Scheduled = number(default=1e-6, at_least=0.0)
    rank: int = whole_number(default=128, at_least=1)
    update_proj_gap: Scheduled = number(default=200.0, at_least=1.0, whole=True)
    scale: Scheduled = number(default=1.0, at_least=0.0)

    @classmethod
    def form(cls, h: Values) -> str:
        return str(h.rank)


@shipped
class GaLoreAdamW(OfFewDirections):
    """GaLore: AdamW of what gradients are along their largest singular vectors.

    ::

        P = the first `rank` rows of V                                 of g = U @ S @ V
        r = g @ P.T
        m = beta1 * m + (1 - beta1) * r
        v = beta2 * v + (1 - beta2) * r * r
        u = scale * (m / (sqrt(v) + eps)) @ P
        p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * u
        p = p * (1 - lr * weight_decay)

    P is found at the first step and `update_proj_gap` steps after the last. Of a matrix with more
    columns than rows all is done to the transpose. m and v stay what they are when P changes.

    Zhao et al., *GaLore: memory-efficient LLM training by gradient low-rank projection*
    (arXiv:2403.03507), as the authors' ``GaLoreAdamW``. Singular vectors and products are NumPy's
    LAPACK's and BLAS's; from the second P on, signs of the vectors count, which another LAPACK may
    choose otherwise. See `Muon` for what is no matrix.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    rank : int >= 1
        The number of singular vectors, at most that of the shorter side.
    update_proj_gap : int >= 1
        The number of steps from one P to the next.
    scale : float >= 0
        Factor of the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    P : singular vectors of a gradient, one in each row
    m : running mean of projected gradients
    v : running mean of their squares

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.GaLoreAdamW([w], lr=0.1, rank=1, scale=1.0)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    True
    >>> w.round(3) + 0.0
    array([[-0.1,  0. ],
           [ 0. ,  0. ]])
    """

    facts = Facts(
        paper="arXiv:2403.03507",
        kind="matrix",
        good_for="language models, with moments of a fraction of AdamW's memory",
        states={
            "P": "singular vectors of a gradient, one in each row",
            "m": "running mean of projected gradients",
            "v": "running mean of their squares",
        },
    )

    scale: Scheduled = number(default=0.25, at_least=0.0)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Shapes:
        rank = min(h.rank, *sides(p))
        return {"P": (rank, min(sides(p))), "m": narrow(p, rank), "v": narrow(p, rank)}

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        x, of = flattened(np.array(u, order="C")), u.dtype.type
        if (t - 1) % h.update_proj_gap == 0 or not kept["P"].any():
            kept["P"] = singular_vectors(x)[: len(kept["P"])]
        r = projected(x, kept["P"])
        m = kept["m"] = moment(h, 0, kept["m"], r)
        v = kept["v"] = moment(h, 1, kept["v"], r * r)
        restore(u, of(h.scale) * (m / (np.sqrt(v) + of(h.eps))), kept["P"])


@shipped
class Conda(OfDirections):
    """Conda: Adam of the momentum and of gradients along the singular vectors of the momentum.

    ::

        m = beta1 * m + (1 - beta1) * g
        P = V                                                          of m = U @ S @ V
        r = g @ P.T
        v = beta2 * v + (1 - beta2) * r * r
        u = scale * (m @ P.T / (sqrt(v) + eps)) @ P
        p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * u
        p = p * (1 - lr * weight_decay)

    P is found at the first step and `update_proj_gap` steps after the last. Of a matrix with more
    columns than rows all is done to the transpose. v stays what it is when P changes.

    Wang et al., *Conda: column-normalized Adam for training large language models faster*
    (arXiv:2509.24218), as the authors' file. See `GaLoreAdamW`, also for bits, and `Muon` for what is
    no matrix.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    update_proj_gap : int >= 1
        The number of steps from one P to the next.
    scale : float >= 0
        Factor of the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    P : singular vectors of the momentum, one in each row
    m : running mean of gradients
    v : running mean of the squares of projected gradients

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.Conda([w], lr=0.1)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    True
    >>> w.round(3)
    array([[-0.1,  0. ],
           [ 0. ,  0.1]])
    """

    facts = Facts(
        paper="arXiv:2509.24218",
        kind="matrix",
        good_for="language models, in fewer steps than AdamW",
        states={
            "P": "singular vectors of the momentum, one in each row",
            "m": "running mean of gradients",
            "v": "running mean of the squares of projected gradients",
        },
    )

    eps: Scheduled = number(default=1e-8, at_least=0.0)
    update_proj_gap: Scheduled = number(default=2000.0, at_least=1.0, whole=True)
    scale: Scheduled = number(default=1.0, at_least=0.0)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Shapes:
        return {"P": (min(sides(p)),) * 2, "m": sides(p), "v": sides(p)}

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        x, of = flattened(np.array(u, order="C")), u.dtype.type
        m = kept["m"] = moment(h, 0, kept["m"], x)
        if (t - 1) % h.update_proj_gap == 0:
            kept["P"] = singular_vectors(m)
        r = projected(x, kept["P"])
        v = kept["v"] = moment(h, 1, kept["v"], r * r)
        divided = projected(m, kept["P"]) / (np.sqrt(v) + of(h.eps))
        restore(u, of(h.scale) * divided, kept["P"])
