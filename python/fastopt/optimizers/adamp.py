"""AdamP and SGDP: what of a step only makes the parameters longer is left out."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import (
    Facts,
    Reduced,
    Scheduled,
    ScheduledPair,
    Values,
    flag,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer
from fastopt.optimizers.by_blocks import of_rows

Array = NDArray[Any]


@shipped
def adamp_products(
    p: Any, g: Any, m: Any, v: Any, share: Any, keep: Any, dot: Any, squares: Any, c: Any
) -> Any:
    """Return the products of step, parameter and gradient that are summed over rows."""
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    share = (c.step_g * g + c.step_m * m) / (np.sqrt(v) * c.unbias + c.eps) * p
    return p, m, v, share, p * p, g * p, g * g


@shipped
def adamp(p: Any, g: Any, m: Any, v: Any, share: Any, keep: Any, dot: Any, squares: Any, c: Any) -> Any:
    """Step as Adam does, without a share of the parameter."""
    m = c.beta1 * m + c.take1 * g
    v = c.beta2 * v + c.take2 * g * g
    u = (c.step_g * g + c.step_m * m) / (np.sqrt(v) * c.unbias + c.eps)
    p = keep * p - c.step * (u - share * p)
    return p, m, v, share, keep, dot, squares


@shipped
def sgdp_products(p: Any, g: Any, b: Any, share: Any, keep: Any, dot: Any, squares: Any, c: Any) -> Any:
    """Return the products of step, parameter and gradient that are summed over rows."""
    b = c.momentum * b + c.take * g
    share = (c.step_g * g + c.step_b * b) * p
    return p, b, share, p * p, g * p, g * g


@shipped
def sgdp(p: Any, g: Any, b: Any, share: Any, keep: Any, dot: Any, squares: Any, c: Any) -> Any:
    """Step as SGD does, without a share of the parameter."""
    b = c.momentum * b + c.take * g
    p = keep * p - c.step * (c.step_g * g + c.step_b * b - share * p)
    return p, b, share, keep, dot, squares


AdampCoefficients = namedtuple(
    "AdampCoefficients", "beta1 take1 beta2 take2 step_g step_m unbias eps step"
)
SgdpCoefficients = namedtuple("SgdpCoefficients", "momentum take step_g step_b step")


class Projected(Optimizer):
    """The base of optimizers whose steps go around the origin where the gradient does."""

    eps: Scheduled = number(default=1e-8, above=0.0)
    decoupled_weight_decay: bool = flag(default=True)
    delta: Scheduled = number(default=0.1, at_least=0.0)
    wd_ratio: Scheduled = number(default=0.1, at_least=0.0)
    nesterov: bool = flag(default=False)

    decays = True  # the rule itself, where it is decoupled
    # Sums of step times parameter, of its squares, of gradient times parameter, of squared gradients.
    # In place of the first two comes what the rule takes of the parameter, and what it keeps.
    spread = ("share", "keep", "dot", "squares")

    @classmethod
    def spreads(cls, h: Values, p: Array) -> Mapping[str, tuple[int, ...]]:
        return dict.fromkeys(cls.spread, (1,) * p.ndim if p.ndim < 2 else of_rows(p))

    @classmethod
    def decayed(cls, h: Values) -> float:
        """Return how much of a parameter its decay takes."""
        return float(h.lr * h.weight_decay)

    @classmethod
    def factor(cls, h: Values, c: Any, found: Reduced) -> None:
        if found.number != 1:
            return
        share, decay = projection(found, h), cls.decayed(h) if h.decoupled_weight_decay else 0.0
        found.spread["share"][...] = 0.0 if share is None else share
        found.spread["keep"][...] = 1.0 - decay * (1.0 if share is None else h.wd_ratio)


def projection(found: Reduced, h: Values) -> Array | None:
    """Return how many times the parameter is in the step, row by row or as a whole.

    None where the gradient is not close to perpendicular, for vectors, and out of the range of numbers.
    """
    rows = [found.sums[name] for name in ("share", "keep", "dot", "squares")]
    if rows[0].ndim < 2 or not np.isfinite(rows).all():
        return None
    whole = [np.add.accumulate(each, axis=0)[-1:] for each in rows]
    for along, p_squared, dot, g_squared in (rows, whole):
        p_norm = np.sqrt(p_squared)
        cosine = np.abs(dot) / (np.maximum(np.sqrt(g_squared), h.eps) * np.maximum(p_norm, h.eps))
        if cosine.max() < h.delta / sqrt(found.size / dot.size):
            share = (along / np.square(p_norm + h.eps)).astype(found.spread["share"].dtype)
            return share if np.isfinite(share).all() else None
    return None


@shipped
class AdamP(Projected):
    """AdamP: Adam that does not make weights longer whose length has no effect.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        u = m / (sqrt(v / (1 - beta2^t)) + eps)            nesterov: beta1 * m + (1 - beta1) * g for m
        where abs(cosine(g, p)) < delta / sqrt(size), of all rows, or else of the array:
            u = u - sum(u * p) / (norm(p) + eps)^2 * p         row by row, or of the array
            weight_decay = wd_ratio * weight_decay
        p = p * (1 - lr * weight_decay) - lr / (1 - beta1^t) * u

    Rows lie along the first axis, as the weights of a neuron do; arrays with fewer than two axes take
    Adam's step. Before a normalization the length of weights has no effect, and the gradient is
    perpendicular to them: that is how such are found.

    Heo et al., *AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights*
    (arXiv:2006.08217), as in its authors' package and timm.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float > 0
        Added to the root and to the norm, and the smallest norm that a cosine is taken with.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay``.
    decoupled_weight_decay : bool
        Shrink the parameter; False adds the decay to the gradient.
    delta : float >= 0
        How far from perpendicular a gradient may be; 0 is Adam.
    wd_ratio : float >= 0
        What is left of the weight decay for what is projected.
    nesterov : bool
        Go along what the momentum will be one update ahead.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.array([[2.0, 0.0], [0.0, 2.0]])
    >>> opt = fastopt.AdamP([w], lr=0.1)
    >>> opt.step([np.array([[0.0, 1.0], [-1.0, 0.0]])])
    True
    >>> w
    array([[ 2. , -0.1],
           [ 0.1,  2. ]])
    """

    facts = Facts(
        paper="arXiv:2006.08217",
        kind="layerwise",
        good_for="networks with normalization, whose weights would grow without effect",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)

    rule = staticmethod(adamp)
    reduced: ClassVar = (adamp_products,)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step_g, step_m = (1.0 - beta1, beta1) if h.nesterov else (0.0, 1.0)
        unbias, step = 1.0 / sqrt(1.0 - power(beta2, t)), h.lr / (1.0 - power(beta1, t))
        return AdampCoefficients(
            beta1, 1.0 - beta1, beta2, 1.0 - beta2, step_g, step_m, unbias, h.eps, step
        )


@shipped
class SGDP(Projected):
    """SGDP: SGD with momentum that does not make weights longer whose length has no effect.

    ::

        b = momentum * b + (1 - dampening) * g
        u = b                                                      nesterov: g + momentum * b
        where abs(cosine(g, p)) < delta / sqrt(size), of all rows, or else of the array:
            u = u - sum(u * p) / (norm(p) + eps)^2 * p         row by row, or of the array
            weight_decay = wd_ratio * weight_decay
        p = p * (1 - lr * weight_decay / (1 - momentum)) - lr * u

    See `AdamP`. Unlike SGD, the first gradient is dampened too, and nesterov needs no momentum.

    Heo et al., *AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights*
    (arXiv:2006.08217), as in timm; the authors' package projects the buffer itself without nesterov.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0 and < 1
        How much of the buffer is kept.
    dampening : float
        The share of the gradient that does not enter the buffer.
    eps : float > 0
        Added to the norm, and the smallest norm that a cosine is taken with.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay / (1 - momentum)``.
    decoupled_weight_decay : bool
        Shrink the parameter; False adds the decay to the gradient.
    delta : float >= 0
        How far from perpendicular a gradient may be; 0 is SGD.
    wd_ratio : float >= 0
        What is left of the weight decay for what is projected.
    nesterov : bool
        Step along ``g + momentum * b``.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b : buffer of gradients

    Examples
    --------
    >>> w = np.array([[2.0, 0.0], [0.0, 2.0]])
    >>> opt = fastopt.SGDP([w], lr=0.1)
    >>> opt.step([np.array([[0.0, 1.0], [-1.0, 0.0]])])
    True
    >>> w
    array([[ 2. , -0.1],
           [ 0.1,  2. ]])
    """

    facts = Facts(
        paper="arXiv:2006.08217",
        kind="layerwise",
        good_for="image models with normalization, in place of SGD with momentum",
        states={"b": "buffer of gradients"},
        few_bits={"b": "signed"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    momentum: Scheduled = number(default=0.0, at_least=0.0, below=1.0)
    dampening: Scheduled = number(default=0.0)

    rule = staticmethod(sgdp)
    reduced: ClassVar = (sgdp_products,)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        step_g, step_b = (1.0, h.momentum) if h.nesterov else (0.0, 1.0)
        return SgdpCoefficients(h.momentum, 1.0 - h.dampening, step_g, step_b, h.lr)

    @classmethod
    def decayed(cls, h: Values) -> float:
        return float(h.lr * h.weight_decay / (1.0 - h.momentum))
