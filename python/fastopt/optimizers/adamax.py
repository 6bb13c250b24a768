"""Adamax and AdamaxW."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    Scheduled,
    ScheduledPair,
    Values,
    choice,
    flag,
    maximum,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power
from fastopt.optimizer import Optimizer


@shipped
def adamax(p: Any, g: Any, m: Any, u: Any, c: Any) -> Any:
    """Divide the first moment by a decaying maximum of the gradient."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    u = maximum(c.beta2 * u, np.abs(g) + c.eps_norm)
    p = p - c.step * m / (u + c.eps)
    return p, m, u


# eps_norm stands inside the maximum, eps outside
AdamaxCoefficients = namedtuple("AdamaxCoefficients", "beta1 one_minus_beta1 beta2 step eps_norm eps")


@shipped
class Adamax(Optimizer):
    """Adamax, as ``torch.optim.Adamax``: Adam with the largest gradient in place of the mean square.

    ::

        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        p = p - lr / (1 - beta1^t) * m / u

    Kingma and Ba, *Adam: a method for stochastic optimization*, section 7 (arXiv:1412.6980).

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first moment and of the maximum is kept.
    eps : float >= 0
        Added to the absolute gradient.
    eps_placement : {"inside", "outside"}
        Where eps is added: inside the maximum, or to u, as in Keras and MLX:
        ``u = max(beta2 * u, abs(g)); p = p - lr / (1 - beta1^t) * m / (u + eps)``.
    bias_correction : bool
        Divide the first moment by ``1 - beta1^t``.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    u : decaying maximum of absolute gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Adamax([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:1412.6980, section 7",
        kind="adaptive",
        good_for="rare features and embeddings, whose steps it keeps short",
        states={"m": "running mean of gradients", "u": "decaying maximum of absolute gradients"},
        few_bits={"m": "signed", "u": "unsigned"},
    )

    lr: Scheduled = number(default=2e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    eps_placement: str = choice("inside", "outside", default="inside")
    bias_correction: bool = flag(default=True)

    rule = staticmethod(adamax)

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step = h.lr / (1.0 - power(beta1, t)) if h.bias_correction else h.lr
        placed = (h.eps, 0.0) if h.eps_placement == "inside" else (0.0, h.eps)
        return AdamaxCoefficients(beta1, 1.0 - beta1, beta2, step, *placed)


@shipped
class AdamaxW(Adamax):
    """Adamax with decoupled weight decay, as ``optax.adamaxw``: `Adamax` with other defaults.

    ::

        p = p - lr * weight_decay * p                  before the step of Adamax

    Kingma and Ba, *Adam: a method for stochastic optimization*, section 7 (arXiv:1412.6980); the decay:
    Loshchilov and Hutter, *Decoupled weight decay regularization* (arXiv:1711.05101).

    Parameters
    ----------
    weight_decay : float >= 0
        How much the parameters shrink.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How they do; see `Optimizer`.
    lr, betas, eps, eps_placement, bias_correction
        As of `Adamax`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    u : decaying maximum of absolute gradients

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdamaxW([w], lr=0.1, weight_decay=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.85, 1.05])
    """

    facts = Facts(
        paper="arXiv:1412.6980, section 7; arXiv:1711.05101",
        kind="adaptive",
        good_for="what Adamax is good for, with weight decay",
        states=Adamax.facts.states,
        few_bits=Adamax.facts.few_bits,
    )

    weight_decay: Scheduled = number(default=1e-4, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
