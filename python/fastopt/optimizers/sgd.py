"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""

from types import SimpleNamespace
from typing import Any, NamedTuple

from fastopt.hyperparameters import flag, number
from fastopt.optimizer import Optimizer
from fastopt.rules import RuleFunction


def sgd(p: Any, g: Any, c: Any) -> Any:
    """Descend along the gradient."""
    return p - c.lr * g


def momentum(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Descend along a buffer of gradients."""
    b = c.mu * b + c.take * g
    p = p - c.lr * b
    return p, b


def nesterov(p: Any, g: Any, b: Any, c: Any) -> Any:
    """Look one buffer update ahead."""
    b = c.mu * b + c.take * g
    p = p - (c.step_g * g + c.step_b * b)
    return p, b


class SgdCoefficients(NamedTuple):
    """Scalars of `sgd`."""

    lr: float


class MomentumCoefficients(NamedTuple):
    """Scalars of `momentum`; take is the share of g that enters the buffer."""

    mu: float
    take: float
    lr: float


class NesterovCoefficients(NamedTuple):
    """Scalars of `nesterov`."""

    mu: float
    take: float
    step_g: float
    step_b: float


class SGD(Optimizer):
    """Stochastic gradient descent, as ``torch.optim.SGD``.

    ::

        b = momentum * b + (1 - dampening) * g        (b = g at the first step)
        p = p - lr * b                                 plain and momentum
        p = p - lr * (g + momentum * b)                nesterov

    Nesterov's momentum in the form of Sutskever et al., *On the importance of initialization and
    momentum in deep learning* (ICML 2013). Differs from PyTorch where momentum is switched on during
    training: the first gradient is then dampened too.

    Parameters are those of `Optimizer` and

    lr : float >= 0
        Learning rate.
    momentum : float >= 0
        How much of the buffer is kept; 0 has no buffer.
    dampening : float
        The share of the gradient that does not enter the buffer.
    nesterov : bool
        Needs a momentum, and no dampening.
    """

    lr: float = number(default=1e-3, at_least=0.0)
    momentum: float = number(default=0.0, at_least=0.0)
    dampening: float = number(default=0.0)
    nesterov: bool = flag(default=False)

    @classmethod
    def check_hyperparameters(cls, h: SimpleNamespace) -> None:
        if h.nesterov and (h.momentum == 0.0 or h.dampening != 0.0):
            raise ValueError(
                f"nesterov=True needs momentum > 0 and dampening = 0; they are {h.momentum:g} and "
                f"{h.dampening:g}"
            )

    @classmethod
    def select_rule(cls, h: SimpleNamespace) -> RuleFunction:
        if h.momentum == 0.0:
            return sgd
        return nesterov if h.nesterov else momentum

    @staticmethod
    def coefficients(h: SimpleNamespace, t: int) -> NamedTuple:
        if h.momentum == 0.0:
            return SgdCoefficients(h.lr)
        if h.nesterov:
            return NesterovCoefficients(h.momentum, 1.0, h.lr, h.lr * h.momentum)
        take = 1.0 if t == 1 else 1.0 - h.dampening
        return MomentumCoefficients(h.momentum, take, h.lr)
