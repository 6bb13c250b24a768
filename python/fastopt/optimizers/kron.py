"""Kron, which is PSGD with Kronecker products."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    ScheduledOrNone,
    Values,
    choice,
    flag,
    number,
    shipped,
    whole_number,
)
from fastopt.numerics import exp, multiplied_along, power, squared_along
from fastopt.optimizers.as_whole import Array, AsWhole
from fastopt.optimizers.noisy_sgd import generator
from fastopt.optimizers.shampoo import lengths

# As in timm.
FLAT, FALL, LEAST = 500, 1e-3, 0.03
BALANCED, LARGEST, SMALL, TINY = 0.01, 1.1, 1e-8, 1.1754943508222875e-38


def beside(q: Array, x: Array, axis: int) -> Array:
    """Return a diagonal in a shape that goes along an axis."""
    return q.reshape(-1, *[1] * (x.ndim - 1 - axis))


def scaled_along(x: Array, axis: int, q: Array) -> Array:
    """Multiply each vector that lies along an axis by Q, or its elements by those of a diagonal."""
    return multiplied_along(x, axis, q) if q.ndim == 2 else x * beside(q, x, axis)


def divided_along(x: Array, axis: int, q: Array) -> Array:
    """Multiply by the inverse of the transpose of Q; NaN where there is none."""
    if q.ndim == 1:
        return x / beside(q, x, axis)
    moved = np.moveaxis(x, axis, 0)
    try:
        found = np.linalg.solve(q.T, moved.reshape(len(moved), -1))
    except np.linalg.LinAlgError:
        return np.full_like(x, np.nan)
    return np.moveaxis(found.reshape(moved.shape), 0, axis)


def products(x: Array, axis: int, q: Array) -> Array:
    """Return the matrix of products of slices, or, for a diagonal, the sums of their squares."""
    if q.ndim == 2:
        return squared_along(x, axis)
    found: Array = (x * x).sum(axis=tuple([other for other in range(x.ndim) if other != axis]))
    return found


def lower_bound(a: Array) -> Array:
    """Return at most the largest eigenvalue of a symmetric matrix, and nearly that."""
    largest: Array = np.abs(a).max()
    if not largest > 0.0:
        return largest
    a = a / largest
    x = a @ a[np.argmax((a * a).sum(axis=1))]
    found: Array = largest * np.linalg.norm(a @ (x / np.linalg.norm(x)))
    return found


@shipped
class Kron(AsWhole):
    """PSGD Kron: momentum, whitened along each axis by a triangular matrix that follows it.

    ::

        m = momentum * m + (1 - momentum) * g
        M = m / (1 - momentum^t)
        A = Q times M                                          along each axis, with the Q of that
        B = inverse of Q.T times V                             V has normal numbers
        Q = Q - precond_lr * triu(A' @ A'.T - B' @ B'.T) @ Q / bound
        u = Q.T @ Q times M
        u = u * min(1, 1.1 / (root of the mean of u * u + 1e-8))
        p = p * (1 - lr * weight_decay) - lr * u

    A' and B' have the slices of A and B along the axis of Q as rows; bound is at most the largest
    eigenvalue of ``A' @ A'.T + B' @ B'.T``. Q is a diagonal for vectors, for axes of one element or of
    more than `max_size_triangular`, and where `memory_save_mode` says so. All Q follow at each of the
    first 500 steps, then less often, down to every 34th; one in a hundred times they are first scaled
    to the same largest element. Where all of m is 0 they stay.

    What is drawn follows from the seed, the number of the step and the name of the parameter, and from
    nothing else: it is the same on every backend, with any number of threads, and in a run that was
    resumed. It is drawn by NumPy, of which another version may draw other numbers. Products and what is
    divided are NumPy's BLAS's and LAPACK's.

    Li, *Preconditioned stochastic gradient descent* (arXiv:1512.04202), and Pooladzandi and Li,
    *Curvature-informed SGD via general purpose Lie-group preconditioners* (arXiv:2402.04553), as timm's
    ``Kron``, which draws other numbers.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of the running mean of gradients is kept.
    preconditioner_update_probability : float > 0 and <= 1, optional
        The share of steps at which Q follows; as above if nothing is said.
    max_size_triangular : int >= 1
        The length of the longest axis with a triangular Q.
    memory_save_mode : {"none", "one_diag", "smart_one_diag", "all_diag"}
        Whether the longest axis has a diagonal: of all arrays, of those where no other is as long; or
        whether every axis has.
    momentum_into_precond_update : bool
        Let Q follow M and not the gradient.
    precond_lr : float >= 0
        How fast Q follows.
    precond_init_scale : float > 0
        The product of the numbers that each Q begins with on its diagonal.
    seed : int >= 0
        Another one draws other numbers.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` before the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    n : number of steps since Q has followed
    Q0 : triangular matrix of the first axis, or a diagonal as a vector
    Q1 : the same of the next axis, and so on

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.Kron([w], lr=0.1)
    >>> for _ in range(20):
    ...     _ = opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    >>> bool(w[0, 0] < -1.0) and bool(w[1, 1] > 1.0)
    True
    """

    facts = Facts(
        paper="arXiv:2402.04553",
        kind="matrix",
        good_for="transformers, in fewer steps than AdamW; arrays of any shape",
        states={
            "m": "running mean of gradients",
            "n": "number of steps since Q has followed",
            "Q0": "triangular matrix of the first axis, or a diagonal as a vector",
            "Q1": "the same of the next axis, and so on",
        },
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    momentum: Scheduled = number(default=0.9, at_least=0.0, below=1.0)
    preconditioner_update_probability: ScheduledOrNone = number(
        default=None, above=0.0, at_most=1.0, optional=True
    )
    max_size_triangular: int = whole_number(default=2048, at_least=1)
    memory_save_mode: str = choice("none", "one_diag", "smart_one_diag", "all_diag", default="none")
    momentum_into_precond_update: bool = flag(default=True)
    precond_lr: Scheduled = number(default=0.1, at_least=0.0)
    precond_init_scale: float = number(default=1.0, above=0.0)
    seed: int = whole_number(default=0, at_least=0)

    takes_name = True

    @classmethod
    def form(cls, h: Values) -> str:
        return f"{h.max_size_triangular} {h.memory_save_mode}"

    @classmethod
    def diagonal(cls, h: Values, shape: Sequence[int]) -> set[int]:
        """Name the axes with a diagonal."""
        axes = range(len(shape))
        if len(shape) < 2 or h.memory_save_mode == "all_diag":
            return set(axes)
        found = {axis for axis in axes if shape[axis] == 1 or shape[axis] > h.max_size_triangular}
        longest = [axis for axis in axes if shape[axis] == max(shape)]
        if h.memory_save_mode == "one_diag" or (
            h.memory_save_mode == "smart_one_diag" and len(longest) == 1
        ):
            found.add(longest[-1])
        return found

    @classmethod
    def shapes(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        of = lengths(p)
        diagonal = cls.diagonal(h, of)
        each = {f"Q{i}": (n,) if i in diagonal else (n, n) for i, n in enumerate(of)}
        return {"m": p.shape, "n": (), **each}

    @classmethod
    def initial_state(cls, h: Values, name: str, p: Array) -> Any:
        if not name.startswith("Q"):
            return 0.0
        shape, scale = cls.shapes(h, p)[name], h.precond_init_scale ** (1.0 / len(lengths(p)))
        return scale * (np.eye(*shape) if len(shape) == 2 else np.ones(shape))

    @classmethod
    def follows(cls, h: Values, t: int, passed: float) -> bool:
        """Decide whether Q follows at a step; so many have passed without, and with this one."""
        share = h.preconditioner_update_probability
        if share is None:
            share = min(1.0, max(LEAST, float(exp(-FALL * (t - 1 - FLAT)))))
        return bool(passed >= 1.0 / share)

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array], name: str = "") -> None:
        g, of = np.array(u, order="C").reshape(lengths(u)), u.dtype.type
        kept["m"] = of(h.momentum) * kept["m"] + of(1.0 - h.momentum) * g.reshape(u.shape)
        mean = kept["m"].reshape(g.shape) / of(1.0 - power(h.momentum, t))
        passed = kept["n"] + of(1.0)
        if cls.follows(h, t, float(passed)):
            passed = passed * of(0.0)
            if kept["m"].any():
                cls.follow(h, mean if h.momentum_into_precond_update else g, kept, name, t)
        kept["n"] = passed
        for axis in range(g.ndim):
            q = kept[f"Q{axis}"]
            mean = scaled_along(scaled_along(mean, axis, q), axis, q.T)
        size = np.sqrt(np.mean(mean * mean)) + of(SMALL)
        u[...] = (mean * np.minimum(of(1.0), of(LARGEST) / size)).reshape(u.shape)

    @classmethod
    def follow(cls, h: Values, x: Array, kept: dict[str, Array], name: str, t: int) -> None:
        """Bring every Q nearer to what makes of x an array as of normal numbers."""
        draws, axes, of = generator(h.seed, t, name), range(x.ndim), x.dtype.type
        all_q = [kept[f"Q{axis}"] for axis in axes]
        if draws.random() < BALANCED and x.ndim > 1:
            sizes = np.array([np.abs(q).max() for q in all_q], np.float64)
            sizes = np.exp(np.log(sizes).mean()) / sizes
            all_q = [q * of(size) for q, size in zip(all_q, sizes, strict=True)]
        b = draws.standard_normal(x.shape, x.dtype)
        for axis, q in enumerate(all_q):
            x, b = scaled_along(x, axis, q), divided_along(b, axis, q)
        for axis, q in enumerate(all_q):
            ours, drawn = products(x, axis, q), products(b, axis, q)
            change, both = of(h.precond_lr) * (ours - drawn), ours + drawn
            if q.ndim == 2:
                change = np.triu(change) / (lower_bound(both) + of(TINY)) @ q
            else:
                change = change * q / (np.abs(both).max() + of(TINY))
            kept[f"Q{axis}"] = q - change
