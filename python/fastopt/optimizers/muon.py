"""Muon, NorMuon and AdaMuon: steps along orthogonalized momentum, for matrices."""

from collections import namedtuple
from collections.abc import Mapping
from math import sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    Values,
    choice,
    flag,
    number,
    shipped,
)
from fastopt.numerics import COEFFICIENTS, flattened, original_scale, orthogonalized, rms_scale
from fastopt.optimizer import Optimizer
from fastopt.optimizers.as_whole import check_matrix

Array = NDArray[Any]


@shipped
def muon_direction(p: Any, g: Any, m: Any, o: Any, c: Any) -> Any:
    """Return the momentum, or what is one update ahead of it."""
    m = c.mu * m + c.take * g
    p = c.step_g * g + c.step_m * m
    return p, m, o


@shipped
def muon(p: Any, g: Any, m: Any, o: Any, c: Any) -> Any:
    """Step along what has become of it."""
    m = c.mu * m + c.take * g
    p = p - c.step * o
    return p, m, o


MuonCoefficients = namedtuple("MuonCoefficients", "mu take step_g step_m step")


class OfMatrices(Optimizer):
    """The base of optimizers that orthogonalize the momentum of matrices."""

    weight_decay: Scheduled = number(default=0.1, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    momentum: Scheduled = number(default=0.95, at_least=0.0, below=1.0)
    nesterov: bool = flag(default=True)
    ns_coefficients: str = choice(*COEFFICIENTS, default="jordan")
    ns_steps: Scheduled = number(default=5.0, at_least=1.0, whole=True)
    eps: Scheduled = number(default=1e-7, above=0.0)

    rule = staticmethod(muon)
    direction = staticmethod(muon_direction)
    scratch = "o"
    sums: ClassVar[dict[str, str]] = {}

    @classmethod
    def check_array(cls, h: Values, name: str, p: Array) -> None:
        check_matrix(cls, name, p)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        take = 1.0 - h.momentum
        ahead = (take, h.momentum) if h.nesterov else (0.0, 1.0)
        return MuonCoefficients(h.momentum, take, ahead[0], ahead[1], h.lr)

    @classmethod
    def orthogonal(cls, h: Values, u: Array) -> Array:
        """Orthogonalize a matrix."""
        return orthogonalized(u, int(h.ns_steps), COEFFICIENTS[h.ns_coefficients], h.eps)


@shipped
class Muon(OfMatrices):
    """Muon: momentum whose singular values are all brought near 1, for matrices.

    ::

        m = momentum * m + (1 - momentum) * g
        u = (1 - momentum) * g + momentum * m                  without nesterov m itself
        p = p * (1 - lr * weight_decay) - lr * scale * NewtonSchulz(u)

    Arrays of more dimensions are matrices of their first, and all others flattened. NewtonSchulz is
    ``X = u / max(norm(u), eps)``, then `ns_steps` times ``X = a * X + (b * A + c * A @ A) @ X``, where
    A is ``X @ X.T``: of NumPy's BLAS, so that bits are those of the BLAS, not of fastopt's backends. It
    is computed in the dtype of the parameter, where torch takes bfloat16. Vectors, embeddings and heads
    are for another algorithm: ``groups=fastopt.vectors_by_adamw``, or patterns of names.

    Jordan et al., *Muon: an optimizer for hidden layers in neural networks* (2024); Liu et al., *Muon
    is scalable for LLM training* (arXiv:2502.16982).

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of the running mean of gradients is kept.
    nesterov : bool
        Go along what the momentum will be one update ahead.
    ns_coefficients : str
        Those of the iteration: "jordan", "quintic" or "polar_express" (arXiv:2505.16932).
    ns_steps : int >= 1
        The number of iterations.
    eps : float > 0
        The smallest norm that is divided by.
    adjust_lr_fn : str
        The scale: "original", ``sqrt(max(1, rows / columns))``, or "match_rms_adamw", ``0.2 *
        sqrt(max(rows, columns))``, with which learning rates are about AdamW's.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` before the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.eye(2)
    >>> opt = fastopt.Muon([w], lr=0.1, weight_decay=0.0)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -3.0]])])
    True
    >>> bool(w[0, 0] < 0.95) and bool(w[1, 1] > 1.05)
    True
    """

    facts = Facts(
        paper="arXiv:2502.16982",
        kind="matrix",
        good_for="hidden layers of transformers and other networks of matrices",
        states={"m": "running mean of gradients"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    adjust_lr_fn: str = choice("original", "match_rms_adamw", default="original")

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        x = cls.orthogonal(h, flattened(u))
        scale = (original_scale if h.adjust_lr_fn == "original" else rms_scale)(*x.shape)
        u[...] = x.reshape(u.shape) * u.dtype.type(scale)


@shipped
class NorMuon(OfMatrices):
    """NorMuon: Muon, whose rows are made equally long.

    ::

        m = momentum * m + (1 - momentum) * g
        o = NewtonSchulz((1 - momentum) * g + momentum * m)    without nesterov of m itself
        v = beta2 * v + (1 - beta2) * mean(o * o)                     of each row
        o' = o / (sqrt(v) + 1e-10)
        p = p * (1 - lr * weight_decay)
        p = p - lr * sqrt(max(1, rows / columns)) * norm(o) / norm(o') * o'

    Li et al., *NorMuon: making Muon more efficient and scalable* (arXiv:2510.05491). See `Muon`, also
    for what is no matrix.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of the running mean of gradients is kept.
    beta2 : float >= 0 and < 1
        How much of the running mean of each row's squares is kept.
    nesterov : bool
        Go along what the momentum will be one update ahead.
    ns_coefficients : str
        Those of the iteration: "jordan", "quintic" or "polar_express".
    ns_steps : int >= 1
        The number of iterations.
    eps : float > 0
        The smallest norm that is divided by.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` before the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squares, one for each row

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.eye(2)
    >>> opt = fastopt.NorMuon([w], lr=0.1, weight_decay=0.0)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -3.0]])])
    True
    >>> bool(w[0, 0] < 0.95) and bool(w[1, 1] > 1.05)
    True
    """

    facts = Facts(
        paper="arXiv:2510.05491",
        kind="matrix",
        good_for="what Muon is good for, with neurons that learn equally fast",
        states={"m": "running mean of gradients", "v": "running mean of squares, one for each row"},
    )

    lr: Scheduled = number(default=0.02, at_least=0.0)
    weight_decay: Scheduled = number(default=0.0, at_least=0.0)
    beta2: Scheduled = number(default=0.95, at_least=0.0, below=1.0)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        return {"v": p.shape[:1]}

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        x, of = cls.orthogonal(h, flattened(u)), u.dtype.type
        norm, tiny = np.linalg.norm(x), of(1e-10)
        v = kept["v"] = of(h.beta2) * kept["v"] + of(1.0 - h.beta2) * (x * x).mean(axis=1)
        x /= (np.sqrt(v) + tiny)[:, None]
        x *= norm / (np.linalg.norm(x) + tiny) * of(original_scale(*x.shape))
        u[...] = x.reshape(u.shape)


@shipped
class AdaMuon(OfMatrices):
    """AdaMuon: Muon of signs, with a second moment, as long as a step of Adam.

    ::

        m = momentum * m + (1 - momentum) * g
        o = NewtonSchulz(sign((1 - momentum) * g + momentum * m))     without nesterov sign(m)
        v = beta2 * v + (1 - beta2) * o * o
        o' = o / (sqrt(v) + eps)
        p = p * (1 - lr * weight_decay) - lr * 0.2 * sqrt(size) * o' / (norm(o') + eps)

    Si et al., *AdaMuon: adaptive Muon optimizer* (arXiv:2507.11005), as the authors' file; timm takes
    no sign. See `Muon`, also for what is no matrix.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of the running mean of gradients is kept.
    beta2 : float >= 0 and < 1
        How much of the second moment is kept.
    nesterov : bool
        Go along what the momentum will be one update ahead.
    ns_coefficients : str
        Those of the iteration: "jordan", "quintic" or "polar_express".
    ns_steps : int >= 1
        The number of iterations.
    eps : float > 0
        Added to the root and to the norm, and the smallest norm that the iteration divides by.
    sign : bool
        Take the sign before the iteration.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` before the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squares

    Raises
    ------
    ValueError
        For a parameter with fewer than two dimensions.

    Examples
    --------
    >>> w = np.eye(2)
    >>> opt = fastopt.AdaMuon([w], lr=0.1, weight_decay=0.0)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -3.0]])])
    True
    >>> w.round(3)
    array([[0.972, 0.   ],
           [0.   , 1.028]])
    """

    facts = Facts(
        paper="arXiv:2507.11005",
        kind="matrix",
        good_for="what Muon is good for, with learning rates of AdamW",
        states={"m": "running mean of gradients", "v": "running mean of squares"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    weight_decay: Scheduled = number(default=0.01, at_least=0.0)
    beta2: Scheduled = number(default=0.95, at_least=0.0, below=1.0)
    eps: Scheduled = number(default=1e-8, above=0.0)
    sign: bool = flag(default=True)

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        return {"v": p.shape}

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        given, of = flattened(u), u.dtype.type
        x = cls.orthogonal(h, np.sign(given) if h.sign else given).reshape(u.shape)
        v = kept["v"] = of(h.beta2) * kept["v"] + of(1.0 - h.beta2) * x * x
        x = x / (np.sqrt(v) + of(h.eps))
        u[...] = x * (of(0.2 * sqrt(u.size)) / (np.linalg.norm(x) + of(h.eps)))
