"""Adam, AdamW and AMSGrad."""

from collections import namedtuple
from functools import partial
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    RuleFunction,
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
from fastopt.numerics import power, sqrt
from fastopt.optimizer import Optimizer


@shipped
def adam(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide the first moment by the root of the second; both corrections are in the scalars."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    p = p - c.step * m / (np.sqrt(v + c.eps_root) * c.unbias + c.eps)
    return p, m, v


@shipped
def amsgrad(p: Any, g: Any, m: Any, v: Any, v_max: Any, c: Any) -> Any:
    """Divide by the root of the largest second moment so far."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    v_max = maximum(v_max, c.correct * v)
    p = p - c.step * m / (np.sqrt(v_max + c.eps_root) * c.unbias + c.eps)
    return p, m, v, v_max


# step, eps_root and unbias hold the bias corrections
AdamCoefficients = namedtuple(
    "AdamCoefficients", "beta1 one_minus_beta1 beta2 one_minus_beta2 step eps_root unbias eps"
)


# A call of the class takes twice as long, and a small step has little else to do.
_adam_coefficients = partial(tuple.__new__, AdamCoefficients)


# correct is the correction of what the maximum is taken of
AmsgradCoefficients = namedtuple(
    "AmsgradCoefficients",
    "beta1 one_minus_beta1 beta2 one_minus_beta2 step eps_root unbias eps correct",
)


@shipped
class Adam(Optimizer):
    """Adam, as ``torch.optim.Adam``; with an option AMSGrad.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v_max, v)                          amsgrad, in place of v below
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t) + eps_root) + eps)

    Kingma and Ba, *Adam: a method for stochastic optimization* (arXiv:1412.6980); AMSGrad: Reddi, Kale
    and Kumar, *On the convergence of Adam and beyond* (arXiv:1904.09237).

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first and of the second moment is kept.
    eps : float >= 0
        Added to the root.
    amsgrad : bool
        Divide by the root of the largest second moment so far.
    amsgrad_corrected : bool
        Find the largest ``v / (1 - beta2^t)`` for amsgrad, as optax does, and not the largest v.
    bias_correction : bool
        Divide the moments by ``1 - beta^t``.
    eps_placement : {"outside", "hat"}
        The paper's epsilon, or its "epsilon hat", as in Keras, scikit-learn and thinc:
        ``lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v + eps_root) + eps)``.
    eps_root : float >= 0
        Added inside the root.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    v_max : largest v so far, with amsgrad

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Adam([w], lr=0.1)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.9, 1.1])
    """

    facts = Facts(
        paper="arXiv:1412.6980; amsgrad: arXiv:1904.09237",
        kind="adaptive",
        good_for="most networks, with little tuning",
        states={
            "m": "running mean of gradients",
            "v": "running mean of squared gradients",
            "v_max": "largest v so far, with amsgrad",
        },
        few_bits={"m": "signed", "v": "unsigned", "v_max": "unsigned"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)
    eps: Scheduled = number(default=1e-8, at_least=0.0)
    amsgrad: bool = flag(default=False)
    amsgrad_corrected: bool = flag(default=False)
    bias_correction: bool = flag(default=True)
    eps_placement: str = choice("outside", "hat", default="outside")
    eps_root: Scheduled = number(default=0.0, at_least=0.0)

    @classmethod
    def check_hyperparameters(cls, h: Values) -> None:
        if h.amsgrad and h.amsgrad_corrected and h.eps_placement == "hat":
            raise ValueError(
                "eps_placement='hat' corrects the step and not v, and amsgrad_corrected=True takes the "
                "maximum of corrected v: choose one of them"
            )

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return amsgrad if h.amsgrad else adam

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        beta1, beta2 = h.betas
        step, eps_root, unbias, correct = h.lr, h.eps_root, 1.0, 1.0
        if h.bias_correction:
            left2 = 1.0 - power(beta2, t)  # what the moment lacks of a whole mean
            step /= 1.0 - power(beta1, t)
            if h.eps_placement == "hat":
                step *= sqrt(left2)
            elif h.amsgrad and h.amsgrad_corrected:
                correct = 1.0 / left2
            else:
                eps_root, unbias = eps_root * left2, 1.0 / sqrt(left2)
        if h.amsgrad:
            return AmsgradCoefficients(
                beta1, 1.0 - beta1, beta2, 1.0 - beta2, step, eps_root, unbias, h.eps, correct
            )
        return _adam_coefficients(
            (beta1, 1.0 - beta1, beta2, 1.0 - beta2, step, eps_root, unbias, h.eps)
        )


@shipped
class AdamW(Adam):
    """Adam with decoupled weight decay, as ``torch.optim.AdamW``: `Adam` with other defaults.

    ::

        p = p - lr * weight_decay * p                  before the step of Adam

    Loshchilov and Hutter, *Decoupled weight decay regularization* (arXiv:1711.05101).

    Parameters
    ----------
    weight_decay : float >= 0
        How much the parameters shrink.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How they do; see `Optimizer`.
    lr, betas, eps, amsgrad, amsgrad_corrected, bias_correction, eps_placement, eps_root
        As of `Adam`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared gradients
    v_max : largest v so far, with amsgrad

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.85, 1.05])
    """

    facts = Facts(
        paper="arXiv:1711.05101",
        kind="adaptive",
        good_for="transformers, and whatever is trained with weight decay",
        states=Adam.facts.states,
        few_bits=Adam.facts.few_bits,
    )

    weight_decay: Scheduled = number(default=1e-2, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)
