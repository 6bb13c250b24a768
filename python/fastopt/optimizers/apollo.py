"""APOLLO."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from fastopt.algorithm import Facts, Values, choice, flag, shipped, whole_number
from fastopt.numerics import flattened
from fastopt.optimizers.as_whole import Array
from fastopt.optimizers.galore import OfFewDirections, moment, narrow, projected, sides

TINY, GROWTH = 1e-8, 1.01  # as in the authors' file


@shipped
class APOLLO(OfFewDirections):
    """APOLLO: gradients times the factor by which AdamW would stretch them, along random directions.

    ::

        P = normal numbers / sqrt(rank), with `rank` rows
        r = g @ P.T
        m = beta1 * m + (1 - beta1) * r
        v = beta2 * v + (1 - beta2) * r * r
        k = norm(m / (sqrt(v) + eps)) / (norm(r) + 1e-8)               of each row, or of all
        u = k * g
        u = u / max(1, norm(u) / (n + 1e-8) / 1.01)                    where n > 0
        n = norm(u)
        p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * sqrt(scale) * u
        p = p * (1 - lr * weight_decay)

    P is drawn at the first step and `update_proj_gap` steps after the last. Of a matrix with more
    columns than rows all is done to the transpose. APOLLO-Mini is ``rank=1, scale_type="tensor",
    scale=128``.

    Zhu et al., *APOLLO: SGD-like memory, AdamW-level performance* (arXiv:2412.05270), as the authors'
    package, but for two things: what is drawn depends on `seed` and the number of the step alone, so
    that all matrices with the same shorter side have the same P; and after a gradient of zeros the
    update may be of any length, where the package begins again at 1e-8. Products are NumPy's BLAS's.
    See `Muon` for what is no matrix.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    rank : int >= 1
        The number of directions.
    update_proj_gap : int >= 1
        The number of steps from one P to the next.
    scale : float >= 0
        Factor of the square of the update.
    scale_type : {"channel", "tensor"}
        What has a factor k of its own.
    disable_nl : bool
        Let the update grow by more than 1.01 in a step.
    seed : int >= 0
        Of what is drawn.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    P : random directions, one in each row
    m : running mean of projected gradients
    v : running mean of their squares
    n : norm of the last update

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.APOLLO([w], lr=0.1, rank=4)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    True
    >>> bool(w[0, 0] < 0.0 < w[1, 1])
    True
    """

    facts = Facts(
        paper="arXiv:2412.05270",
        kind="matrix",
        good_for="language models, with hardly more memory than SGD",
        states={
            "P": "random directions, one in each row",
            "m": "running mean of projected gradients",
            "v": "running mean of their squares",
            "n": "norm of the last update",
        },
    )

    scale_type: str = choice("channel", "tensor", default="channel")
    disable_nl: bool = flag(default=False)
    seed: int = whole_number(default=0, at_least=0)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        each = narrow(p, h.rank)
        return {"P": (h.rank, min(sides(p))), "m": each, "v": each, "n": ()}

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        x, of = flattened(np.array(u, order="C")), u.dtype.type
        if (t - 1) % h.update_proj_gap == 0 or not kept["P"].any():
            drawn = np.random.default_rng([h.seed, t]).standard_normal(kept["P"].shape)
            kept["P"] = (drawn / sqrt(h.rank)).astype(u.dtype)
        r = projected(x, kept["P"])
        m = kept["m"] = moment(h, 0, kept["m"], r)
        v = kept["v"] = moment(h, 1, kept["v"], r * r)
        across = 1 if len(x) >= x.shape[1] else 0
        axis = across if h.scale_type == "channel" else None
        stretched = np.linalg.norm(m / (np.sqrt(v) + of(h.eps)), axis=axis, keepdims=True)
        x = x * (stretched / (np.linalg.norm(r, axis=axis, keepdims=True) + of(TINY)))
        norm, before = np.linalg.norm(x), kept["n"]
        if before > 0.0 and not h.disable_nl:
            limiter = np.maximum(norm / (before + of(TINY)), of(GROWTH)) / of(GROWTH)
            x, norm = x / limiter, norm / limiter
        kept["n"] = np.asarray(norm, u.dtype)
        u[...] = (of(sqrt(h.scale)) * x).reshape(u.shape)
