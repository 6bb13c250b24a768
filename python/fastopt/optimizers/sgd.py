"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import Facts, Move, RuleFunction, Scheduled, Values, flag, number, shipped
from fastopt.optimizer import Optimizer


@shipped
def sgd(p: Any, g: Any, c: Any) -> Any:
    """Descend along the gradient."""
    return p - c.lr * g


@shipped
def momentum(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Descend along a buffer of gradients."""
    b = c.mu * b + c.take * g
    p = p - c.lr * b
    return p, b


@shipped
def nesterov(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Look one buffer update ahead."""
    b = c.mu * b + c.take * g
    p = p - (c.step_g * g + c.step_b * b)
    return p, b


SgdCoefficients = namedtuple("SgdCoefficients", "lr")


# take is the share of g that enters the buffer
MomentumCoefficients = namedtuple("MomentumCoefficients", "mu take lr")


NesterovCoefficients = namedtuple("NesterovCoefficients", "mu take step_g step_b")


def momentum_ahead(h: Values) -> Move:
    """Return how the momentum buffer b moves a parameter where there is no new gradient."""
    if h.momentum == 0.0 or h.nesterov:
        raise ValueError(
            "at_nesterov_point needs momentum > 0 and nesterov=False, which is another way to look "
            f"ahead; they are {h.momentum:g} and {h.nesterov}"
        )
    return Move("b", sgd, SgdCoefficients(h.momentum * (1.0 if h.lr_in_buffer else h.lr)))


@shipped
class SGD(Optimizer):
    """Stochastic gradient descent, as ``torch.optim.SGD``: plain, with momentum, with Nesterov's.

    ::

        b = momentum * b + (1 - dampening) * g        (b = g at the first step)
        p = p - lr * b                                 plain and momentum
        p = p - lr * (g + momentum * b)                nesterov

    Nesterov's momentum in the form of Sutskever et al., *On the importance of initialization and
    momentum in deep learning* (ICML 2013); for the gradient at the point ahead see `at_nesterov_point`.
    Differs from PyTorch where momentum is switched on during training: the first gradient is then
    dampened too.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    momentum : float >= 0
        How much of the buffer is kept; 0 has no buffer.
    dampening : float
        The share of the gradient that does not enter the buffer.
    nesterov : bool
        Step along ``g + momentum * b``; needs no dampening, and a momentum, unless lr_in_buffer.
    lr_in_buffer : bool
        Add lr * g to the buffer and not g, as in Keras: a new learning rate then acts on new
        gradients alone. ``b = momentum * b + lr * g; p = p - b``, or ``p - (lr * g + momentum * b)``.
    dampen_first : bool
        Dampen the first gradient too, as in MLX.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b : buffer of gradients, with momentum

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.SGD([w], lr=0.1, momentum=0.9)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.2])
    """

    facts = Facts(
        paper="momentum: Sutskever et al. (ICML 2013)",
        kind="momentum",
        good_for="image models, with momentum and a schedule; convex problems; least memory",
        states={"b": "buffer of gradients, with momentum"},
        few_bits={"b": "signed"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    momentum: Scheduled = number(default=0.0, at_least=0.0)
    dampening: Scheduled = number(default=0.0)
    nesterov: bool = flag(default=False)
    lr_in_buffer: bool = flag(default=False)
    dampen_first: bool = flag(default=False)

    ahead = staticmethod(momentum_ahead)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        # With the learning rate in the buffer, nesterov is plain SGD where there is no momentum: in
        # Keras, and in scikit-learn, whose default it is.
        lacks = h.momentum == 0.0 and not h.lr_in_buffer
        if h.nesterov and (lacks or h.dampening != 0.0):
            raise ValueError(
                f"nesterov=True needs momentum > 0 and dampening = 0; they are {h.momentum:g} and "
                f"{h.dampening:g}"
            )

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        if h.momentum == 0.0:
            return sgd
        return nesterov if h.nesterov else momentum

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        if h.momentum == 0.0:
            return SgdCoefficients(h.lr)
        enters, leaves = (h.lr, 1.0) if h.lr_in_buffer else (1.0, h.lr)
        if h.nesterov:
            return NesterovCoefficients(h.momentum, enters, h.lr, leaves * h.momentum)
        undamped = t == 1 and not h.dampen_first
        take = enters if undamped else enters * (1.0 - h.dampening)
        return MomentumCoefficients(h.momentum, take, leaves)
