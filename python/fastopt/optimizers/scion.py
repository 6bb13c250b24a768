"""Scion."""

from math import prod, sqrt
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    RuleFunction,
    Scheduled,
    Values,
    choice,
    flag,
    number,
    shipped,
)
from fastopt.numerics import COEFFICIENTS, flattened, orthogonalized
from fastopt.optimizers.as_whole import (
    Array,
    AsWhole,
    AsWholeCoefficients,
    as_whole,
    as_whole_gradient,
)
from fastopt.optimizers.muon import MuonCoefficients, muon, muon_direction

TINY = 1e-8  # as in the authors' file


def lengths(x: Array, axis: int | None) -> Array:
    """Return roots of sums of squares along an axis, or of all, in double precision."""
    found: Array = np.sqrt(np.square(x, dtype=np.float64).sum(axis=axis, keepdims=True))
    return found


@shipped
class Scion(AsWhole):
    """Scion: steps to where the gradient is smallest in a ball of a norm, which fits the layer.

    ::

        m = momentum * m + (1 - momentum) * g
        p = p * (1 - lr * weight_decay) - lr * scale * lmo(m)

    What lmo returns has the norm 1. It is, of a matrix with a row for each output,

    - ``"spectral"``: ``NewtonSchulz(m) * sqrt(rows / columns)``, as of `Muon`; of a kernel ``sqrt(rows
      / channels) / window``, where window is the number of elements that a channel has;
    - ``"sign"``: ``sign(m) / columns``;
    - ``"colnorm"``: ``m / (norm of its column / sqrt(rows) + 1e-8)``;
    - ``"rownorm"``: ``m / (norm of its row * sqrt(columns) + 1e-8)``;

    and of a vector, whatever the norm, ``m / (sqrt(mean(m * m)) + 1e-8)``. With the default
    ``weight_decay=1`` parameters stay in the ball whose radius is scale; 0 is the authors'
    ``unconstrained=True``. They advise a scale of 50 for hidden layers, and for the last one, and
    embeddings, "sign" with 3000.

    Pethick et al., *Training deep learning models with norm-constrained LMOs* (arXiv:2502.07529), as
    the authors' file, where momentum is the share of the new gradient: theirs of 0.1 is 0.9 here.
    NewtonSchulz divides by ``norm(m) + 1e-7``. See `Muon`, also for bits.

    Parameters
    ----------
    lr : float >= 0
        Learning rate, which is at most 1 where the ball is to hold.
    momentum : float >= 0 and < 1
        How much of the running mean of gradients is kept; 0 keeps no state.
    scale : float >= 0
        The radius of the ball.
    norm : {"spectral", "sign", "colnorm", "rownorm"}
        The norm of matrices.
    normalized : bool, optional
        Leave out of the formulas the sqrt(columns) of "spectral" and the columns of "sign", if False;
        divide "colnorm" by columns, if True; leave out the sqrt(columns) of "rownorm", if False.
    at_least_one : bool
        Let the factor of "spectral" be 1 at least: the authors' ``max``.
    transpose : bool
        The axes of matrices and kernels are the other way round: a column for each output.
    ns_steps : int >= 1
        The number of iterations of NewtonSchulz.
    weight_decay : float >= 0
        Shrinks parameters by ``lr * weight_decay`` before the update.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        What kind of weight decay; False adds it to the gradient.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients, with momentum

    Examples
    --------
    >>> w = np.zeros((2, 2))
    >>> opt = fastopt.Scion([w], lr=0.1, norm="sign", scale=2.0)
    >>> opt.step([np.array([[3.0, 0.0], [0.0, -2.0]])])
    True
    >>> w
    array([[-0.1,  0. ],
           [ 0. ,  0.1]])
    """

    facts = Facts(
        paper="arXiv:2502.07529",
        kind="matrix",
        good_for="what Muon is good for, with one learning rate for all layers and widths",
        states={"m": "running mean of gradients, with momentum"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    weight_decay: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
    momentum: Scheduled = number(default=0.0, at_least=0.0, below=1.0)
    scale: Scheduled = number(default=1.0, at_least=0.0)
    norm: str = choice("spectral", "sign", "colnorm", "rownorm", default="spectral")
    normalized: bool | None = choice(True, False, default=None, optional=True)
    at_least_one: bool = flag(default=False)
    transpose: bool = flag(default=False)
    ns_steps: Scheduled = number(default=5.0, at_least=1.0, whole=True)

    keeps_rows = True

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return as_whole if h.momentum == 0.0 else muon

    @classmethod
    def select_direction(cls, h: Values) -> RuleFunction:
        return as_whole_gradient if h.momentum == 0.0 else muon_direction

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        step = h.lr * h.scale
        if h.momentum == 0.0:
            return AsWholeCoefficients(step)
        return MuonCoefficients(h.momentum, 1.0 - h.momentum, 0.0, 1.0, step)

    @classmethod
    def whole(cls, h: Values, c: Any, t: int, u: Array, kept: dict[str, Array]) -> None:
        g = np.array(u.T if h.transpose else u, order="C")
        x = cls.lmo(h, g)
        u[...] = x.T if h.transpose else x

    @classmethod
    def lmo(cls, h: Values, g: Array) -> Array:
        """Return where a linear function with this gradient is largest in the ball of the norm."""
        if g.ndim < 2:
            found: Array = g / (lengths(g, None) / sqrt(g.size) + TINY)
            return found.reshape(g.shape)
        x = flattened(g)
        rows, columns = x.shape
        normalized = h.norm != "colnorm" if h.normalized is None else h.normalized
        if h.norm == "spectral":
            scale = sqrt(rows / g.shape[1]) if normalized else sqrt(rows)
            scale = (max(1.0, scale) if h.at_least_one else scale) / prod(g.shape[2:])
            x = orthogonalized(x, int(h.ns_steps), COEFFICIENTS["jordan"], 1e-7, added=True)
            x = x * g.dtype.type(scale)
        elif h.norm == "sign":
            x = np.sign(x) / g.dtype.type(columns if normalized else 1.0)
        elif h.norm == "colnorm":
            x = x / (lengths(x, 0) / sqrt(rows) * (columns if normalized else 1.0) + TINY)
        else:
            x = x / (lengths(x, 1) * (sqrt(columns) if normalized else 1.0) + TINY)
        return x.reshape(g.shape)
