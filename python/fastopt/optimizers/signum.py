"""SignSGD, Signum and Tiger."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import CONVENTIONS, Facts, Scheduled, Values, choice, number, shipped, sign
from fastopt.optimizer import Optimizer


@shipped
def signsgd(p: Any, g: Any, c: Any) -> Any:
    """Step by the sign of the gradient."""
    return p - c.lr * sign(g)


@shipped
def signum(p: Any, g: Any, m: Any, c: Any) -> Any:
    """Step by the sign of a running mean of the gradient."""
    m = c.beta * m + c.one_minus_beta * g
    p = p - c.lr * sign(m)
    return p, m


SignsgdCoefficients = namedtuple("SignsgdCoefficients", "lr")


SignumCoefficients = namedtuple("SignumCoefficients", "beta one_minus_beta lr")


@shipped
class SignSGD(Optimizer):
    """signSGD, as ``optax.sign_sgd``: every element moves by the learning rate, against its gradient.

    ::

        p = p - lr * sign(g)

    Bernstein et al., *signSGD: compressed optimisation for non-convex problems* (arXiv:1802.04434).

    Parameters
    ----------
    lr : float >= 0
        Learning rate: how far each element moves whose gradient is not 0.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    None.

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.SignSGD([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:1802.04434",
        kind="momentum",
        good_for="gradients that are sent between machines, of which the sign is enough",
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    rule = staticmethod(signsgd)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return SignsgdCoefficients(h.lr)


@shipped
class Signum(Optimizer):
    """signSGD with momentum, as ``optax.signum``.

    ::

        m = beta * m + (1 - beta) * g
        p = p - lr * sign(m)

    Bernstein et al., *signSGD: compressed optimisation for non-convex problems* (arXiv:1802.04434).

    Parameters
    ----------
    lr : float >= 0
        Learning rate: how far each element moves.
    beta : float >= 0 and < 1
        How much of the running mean is kept.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Signum([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:1802.04434",
        kind="momentum",
        good_for="gradients of which the sign is enough, and noisy ones",
        states={"m": "running mean of gradients"},
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    beta: Scheduled = number(default=0.9, at_least=0.0, below=1.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    rule = staticmethod(signum)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return SignumCoefficients(h.beta, 1.0 - h.beta, h.lr)


@shipped
class Tiger(Signum):
    """Tiger, as in pytorch_optimizer: `Signum` with decoupled weight decay and other defaults.

    ::

        p = p - lr * weight_decay * p                  before the step of Signum

    Su, *Tiger: a tight-fisted optimizer* (github.com/bojone/tiger). Differs from the author's file: no
    accumulation of gradients in m, and no scale by the size of a parameter.

    Parameters
    ----------
    weight_decay : float >= 0
        How much the parameters shrink.
    lr, beta, decoupled_weight_decay
        As of `Signum`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Tiger([w], lr=0.1, weight_decay=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.85, 1.05])
    """

    facts = Facts(
        paper="github.com/bojone/tiger",
        kind="momentum",
        good_for="language models, with one state array",
        states=Signum.facts.states,
        few_bits=Signum.facts.few_bits,
    )

    beta: Scheduled = number(default=0.965, at_least=0.0, below=1.0)
    weight_decay: Scheduled = number(default=1e-2, at_least=0.0)
