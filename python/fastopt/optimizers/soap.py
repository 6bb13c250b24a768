"""SOAP."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    ScheduledOrNone,
    ScheduledPair,
    Values,
    choice,
    flag,
    number,
    pair,
    shipped,
    whole_number,
)
from fastopt.numerics import eigen, multiplied_along, power, sqrt, squared_along
from fastopt.optimizers.as_whole import Array, AsWhole, AsWholeCoefficients

TINY = 1e-30  # as in the authors' file


def rotated(x: Array, bases: Mapping[int, Array]) -> Array:
    """Return the coordinates of an array in the bases of its axes."""
    for axis, basis in bases.items():
        x = multiplied_along(x, axis, basis.T)
    return x


def rotated_back(x: Array, bases: Mapping[int, Array]) -> Array:
    """Return the array that has these coordinates."""
    for axis, basis in bases.items():
        x = multiplied_along(x, axis, basis)
    return x


@shipped
class SOAP(AsWhole):
    """SOAP: Adam in the eigenbases of Shampoo, for arrays of any number of axes.

    ::

        L = shampoo_beta * L + (1 - shampoo_beta) * G @ G.T    of each axis: G has its slices as rows
        Q = eigenvectors of L                                  the first step, which moves nothing
        g' = g in the bases Q of its axes                      the others, with k = t - 1
        m = beta1 * m + (1 - beta1) * g'
        v = beta2 * v + (1 - beta2) * g' * g'
        u = m / (sqrt(v) + eps) back from the bases
        p = p - lr * sqrt(1 - beta2^k) / (1 - beta1^k) * u
        p = p * (1 - lr * weight_decay)

    At each k that `precondition_frequency` divides, ``Q = qr(L @ Q)`` with the columns of Q by falling
    ``Q.T @ L @ Q``; v moves with them, and m is rotated into the new bases. An axis longer than
    `max_precond_dim` has no basis of its own, nor has the one of a vector.

    Vyas et al., *SOAP: improving and stabilizing Shampoo using Adam* (arXiv:2409.11321), as the
    authors' file, with two differences: axes are not merged, and the first step, which has the number
    1 here, decays the weights. Eigenvectors and products are NumPy's LAPACK's and BLAS's. Where the
    first gradient of a matrix has a null space, as that of any which is not square has, eigenvectors
    in there are as LAPACK chooses: another LAPACK trains otherwise.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    shampoo_beta : float >= 0 and < 1, optional
        How much of L is kept; the second of betas if nothing is said.
    eps : float >= 0
        Added to the root.
    precondition_frequency : int >= 1
        The number of steps from one improvement of the bases to the next.
    max_precond_dim : int >= 1
        The length of the longest axis that has a basis.
    precondition_1d : bool
        Give vectors a basis, too.
    normalize_grads : bool
        Divide u by the root of the mean of its squares, and 1e-30.
    correct_bias : bool
        Correct the moments for what they begin with, as Adam does; False steps by lr.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` after the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients, in the bases
    v : running mean of their squares, in the bases
    L0 : running mean of products of slices along the first axis
    Q0 : basis of the first axis, a vector in each column
    L1 : the same along the next axis, and so on
    Q1 : basis of the next axis, and so on

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.SOAP([w], lr=0.1)
    >>> for _ in range(2):
    ...     _ = opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    >>> w.round(3)
    array([[-0.1,  0. ],
           [ 0. ,  0.1]])
    """

    facts = Facts(
        paper="arXiv:2409.11321",
        kind="matrix",
        good_for="language models, with larger batches and fewer steps than AdamW",
        states={
            "m": "running mean of gradients, in the bases",
            "v": "running mean of their squares, in the bases",
            "L0": "running mean of products of slices along the first axis",
            "Q0": "basis of the first axis, a vector in each column",
            "L1": "the same along the next axis, and so on",
            "Q1": "basis of the next axis, and so on",
        },
    )

    lr: Scheduled = number(default=3e-3, at_least=0.0)
    weight_decay: Scheduled = number(default=0.01, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default="after")
    betas: ScheduledPair = pair(default=(0.95, 0.95), below=1.0)
    shampoo_beta: ScheduledOrNone = number(default=None, at_least=0.0, below=1.0, optional=True)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    precondition_frequency: Scheduled = number(default=10.0, at_least=1.0, whole=True)
    max_precond_dim: int = whole_number(default=10000, at_least=1)
    precondition_1d: bool = flag(default=False)
    normalize_grads: bool = flag(default=False)
    correct_bias: bool = flag(default=True)

    @classmethod
    def form(cls, h: Values) -> str:
        return f"{h.max_precond_dim} {h.precondition_1d}"

    @classmethod
    def axes(cls, h: Values, shape: Sequence[int]) -> list[int]:
        """List the axes that have a basis."""
        if len(shape) < 2 and not h.precondition_1d:
            return []
        return [axis for axis, length in enumerate(shape) if length <= h.max_precond_dim]

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        found = {"m": p.shape, "v": p.shape}
        for axis in cls.axes(h, p.shape):
            found[f"L{axis}"] = found[f"Q{axis}"] = (p.shape[axis],) * 2
        return found

    @classmethod
    def initial_state(cls, h: Values, name: str, p: Array) -> Any:
        return np.eye(p.shape[int(name[1:])]) if name.startswith("Q") else 0.0

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        if t == 1 or not h.correct_bias:
            return AsWholeCoefficients(h.lr)
        beta1, beta2 = h.betas
        step = h.lr * sqrt(1.0 - power(beta2, t - 1)) / (1.0 - power(beta1, t - 1))
        return AsWholeCoefficients(step)

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        g, axes, of = np.array(u, order="C"), cls.axes(h, u.shape), u.dtype.type
        keep = h.betas[1] if h.shampoo_beta is None else h.shampoo_beta
        for axis in axes:
            share = of(1.0 - keep) * squared_along(g, axis)
            kept[f"L{axis}"] = of(keep) * kept[f"L{axis}"] + share
        if t == 1:
            for axis in axes:
                square = kept[f"L{axis}"]
                _, vectors = eigen(square + of(TINY) * np.eye(len(square), dtype=u.dtype))
                kept[f"Q{axis}"] = vectors[:, ::-1]
            u[...] = 0.0 * g  # NaN where it is
            return
        (beta1, beta2), bases = h.betas, {axis: kept[f"Q{axis}"] for axis in axes}
        x = rotated(g, bases)
        m = kept["m"] = of(beta1) * kept["m"] + of(1.0 - beta1) * x
        v = kept["v"] = of(beta2) * kept["v"] + of(1.0 - beta2) * x * x
        x = rotated_back(m / (np.sqrt(v) + of(h.eps)), bases)
        if h.normalize_grads:
            x = x / (of(TINY) + np.sqrt(np.mean(x * x)))
        u[...] = x
        if axes and (t - 1) % h.precondition_frequency == 0:
            cls.improve(kept, rotated_back(m, bases), axes)

    @classmethod
    def improve(cls, kept: dict[str, Array], m: Array, axes: Sequence[int]) -> None:
        """Bring the bases nearer to eigenvectors of what L is now, and the moments into them."""
        for axis in axes:
            basis = kept[f"Q{axis}"]
            product = kept[f"L{axis}"] @ basis
            order = np.argsort(-(basis * product).sum(axis=0), kind="stable")
            kept["v"] = np.take(kept["v"], order, axis=axis)
            kept[f"Q{axis}"], _ = np.linalg.qr(product[:, order])
        kept["m"] = rotated(m, {axis: kept[f"Q{axis}"] for axis in axes})
