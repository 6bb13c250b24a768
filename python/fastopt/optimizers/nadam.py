"""NAdam and NAdamW."""

from collections import namedtuple
from typing import Any, ClassVar

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
)
from fastopt.numerics import exp, power, sqrt
from fastopt.optimizer import Optimizer

_LOG_OF_0_96 = -0.040821994520255166


@shipped
def nadam(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Mix the gradient into the first moment, as Nesterov's momentum does."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - (c.step_g * g + c.step_m * m) / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    return p, m, v


NadamCoefficients = namedtuple(
    "NadamCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 step_g step_m eps_root unbias eps"
)


@shipped
class NAdam(Optimizer):
    """Adam with Nesterov's momentum, as ``torch.optim.NAdam``.

    ::

        mu_t = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay))
        mu_product = mu_product * mu_t
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        d = (1 - mu_t) / (1 - mu_product) * g + mu_{t+1} / (1 - mu_product * mu_{t+1}) * m
        p = p - lr * d / (sqrt(v / (1 - beta2^t)) + eps)

    Dozat, *Incorporating Nesterov momentum into Adam* (ICLR workshop 2016). Differs from PyTorch:
    the power of 0.96 is computed without the machine's math library, so that its bits are the same
    everywhere.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    momentum_decay : float >= 0, or None
        How fast the momentum approaches beta1; None: it is beta1 from the first step on, as in optax.
    correct_ahead : bool
        Correct the first moment by the momenta up to the next step. If False, by those up to this
        step, as in Ruder, *An overview of gradient descent optimization algorithms*
        (arXiv:1609.04747): ``d = (1 - mu_t) / (1 - mu_product) * g + mu_{t+1} / (1 - mu_product) * m``.
    eps_placement : {"outside", "hat"}
        As of `Adam`.
    eps_root : float >= 0
        Added inside the root, to ``v / (1 - beta2^t)``.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.NAdam([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.89435482, 1.10564518])
    """

    facts = Facts(
        paper="Dozat, Incorporating Nesterov momentum into Adam (ICLR workshop 2016)",
        kind="adaptive",
        good_for="what Adam is good for, where momentum helps",
        states={"m": "running mean of gradients", "v": "running mean of squared gradients"},
        few_bits={"m": "signed", "v": "unsigned"},
    )

    lr: Scheduled = number(default=2e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    momentum_decay: ScheduledOrNone = number(default=4e-3, at_least=0.0, optional=True)
    correct_ahead: bool = flag(default=True)
    eps_placement: str = choice("outside", "hat", default="outside")
    eps_root: Scheduled = number(default=0.0, at_least=0.0)

    carried: ClassVar = {"mu_product": number(default=1.0, at_least=0.0, at_most=1.0)}
    rule = staticmethod(nadam)

    @staticmethod
    def coefficients(h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        mu = _momentum(beta1, h.momentum_decay, t)
        mu_next = _momentum(beta1, h.momentum_decay, t + 1)
        carried.mu_product *= mu
        up_to = carried.mu_product * (mu_next if h.correct_ahead else 1.0)
        step_g = h.lr * (1.0 - mu) / (1.0 - carried.mu_product)
        step_m = h.lr * mu_next / (1.0 - up_to)
        left = 1.0 - power(beta2, t)
        kept = (beta1, 1.0 - beta1, beta2, 1.0 - beta2)
        if h.eps_placement == "hat":
            factor = sqrt(left)
            return NadamCoefficients(*kept, factor * step_g, factor * step_m, h.eps_root, 1.0, h.eps)
        return NadamCoefficients(*kept, step_g, step_m, h.eps_root * left, 1.0 / sqrt(left), h.eps)


@shipped
class NAdamW(NAdam):
    """NAdam with constant momentum and decoupled weight decay, as in timm: other defaults of `NAdam`.

    ::

        p = p - lr * weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        d = (beta1 * m + (1 - beta1) * g) / (1 - beta1^t)
        p = p - lr * d / (sqrt(v / (1 - beta2^t)) + eps)

    The baseline of Dahl et al., *Benchmarking neural network training algorithms* (arXiv:2306.07179).
    optax corrects the first moment by ``1 - beta1^(t + 1)``, which is ``correct_ahead=True``.

    Parameters
    ----------
    weight_decay : float >= 0
        How much the parameters shrink.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How they do; see `Optimizer`.
    lr, betas, eps, momentum_decay, correct_ahead, eps_placement, eps_root
        As of `NAdam`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.NAdamW([w], lr=0.1, weight_decay=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.76, 1.14])
    """

    facts = Facts(
        paper="arXiv:2306.07179",
        kind="adaptive",
        good_for="what AdamW is good for, often with a better end",
        states=NAdam.facts.states,
        few_bits=NAdam.facts.few_bits,
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    momentum_decay: ScheduledOrNone = number(default=None, at_least=0.0, optional=True)
    correct_ahead: bool = flag(default=False)
    weight_decay: Scheduled = number(default=1e-2, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)


def _momentum(beta1: float, decay: float | None, t: int) -> float:
    return beta1 if decay is None else beta1 * (1.0 - 0.5 * exp(t * decay * _LOG_OF_0_96))
