"""Dion."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    Values,
    choice,
    number,
    shipped,
    whole_number,
)
from fastopt.numerics import flattened
from fastopt.optimizers.as_whole import Array, OfWholeMatrices

TINY = 1e-8  # as in the authors' file


@shipped
class Dion(OfWholeMatrices):
    """Dion: orthonormal steps of a low rank, and momentum that keeps what they leave out.

    ::

        m = m + g
        P = columns of qr(m @ Q)                               orthonormal
        R = m.T @ P
        m = m - (1 - momentum) * P @ R.T
        Q = R / (norms of its columns + 1e-8)
        p = p * (1 - lr * weight_decay) - lr * sqrt(rows / columns) * P @ Q.T

    Q begins with columns of normal numbers, the same for all matrices with as many. Arrays of more
    dimensions are matrices of their first, and all others flattened. Orthonormal columns and products
    are NumPy's LAPACK's and BLAS's.

    Ahn et al., *Dion: distributed orthonormalized updates* (arXiv:2504.05295), as the authors' simple
    file, on one machine. See `Muon` for what is no matrix.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much is kept of the gradients that the step goes along; of others all.
    rank : int >= 1
        The number of columns of Q, at most that of the shorter side.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` before the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : sum of gradients, of which steps take their share
    Q : directions of columns, one in each column

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.Dion([w], lr=0.1)
    >>> for _ in range(20):
    ...     _ = opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    >>> bool(w[0, 0] < -1.0) and bool(w[1, 1] > 1.0)
    True
    """

    facts = Facts(
        paper="arXiv:2504.05295",
        kind="matrix",
        good_for="what Muon is good for, where a low rank is enough",
        states={
            "m": "sum of gradients, of which steps take their share",
            "Q": "directions of columns, one in each column",
        },
    )

    lr: Scheduled = number(default=0.01, at_least=0.0)
    weight_decay: Scheduled = number(default=0.01, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    momentum: Scheduled = number(default=0.95, at_least=0.0, below=1.0)
    rank: int = whole_number(default=768, at_least=1)

    @classmethod
    def form(cls, h: Values) -> str:
        return str(h.rank)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        columns = p.size // len(p) if len(p) else 0
        return {"m": p.shape, "Q": (columns, min(h.rank, len(p), columns))}

    @classmethod
    def initial_state(cls, h: Values, name: str, p: Array) -> Any:
        if name != "Q":
            return 0.0
        return np.random.default_rng(0).standard_normal(cls.shapes(h, p)["Q"])

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        of = u.dtype.type
        x = flattened(kept["m"] + u)
        left, _ = np.linalg.qr(x @ kept["Q"])
        right = x.T @ left
        kept["m"] = (x - of(1.0 - h.momentum) * (left @ right.T)).reshape(u.shape)
        kept["Q"] = right / (np.linalg.norm(right, axis=0) + of(TINY))
        rows, columns = x.shape
        u[...] = (of(sqrt(rows / columns)) * (left @ kept["Q"].T)).reshape(u.shape)
