"""AdaHessian."""

from collections import namedtuple
from typing import Any

import numpy as np

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    RuleFunction,
    Scheduled,
    Values,
    choice,
    number,
    shipped,
)
from fastopt.numerics import power, sqrt
from fastopt.optimizers.estimates import OfEstimates, mean_of_squared_estimates


@shipped
def adahessian(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide the first moment by the root of the mean of squared estimates."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    p = p - c.step * m / (np.sqrt(v) * c.unbias + c.eps)
    return p, m, v


@shipped
def adahessian_half(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Divide it by the root of that."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    p = p - c.step * m / (np.sqrt(np.sqrt(v) * c.unbias) + c.eps)
    return p, m, v


AdahessianCoefficients = namedtuple("AdahessianCoefficients", "beta1 one_minus_beta1 step unbias eps")


@shipped
class AdaHessian(OfEstimates):
    """AdaHessian: Adam with curvatures in place of the squared gradients.

    ::

        v = beta2 * v + (1 - beta2) * h * h                opt.estimate(h)
        m = beta1 * m + (1 - beta1) * g                    opt.step(g)
        d = (sqrt(v / (1 - beta2^n)))^hessian_power + eps
        p = p - lr * m / (1 - beta1^t) / d

    n counts the estimates, t the steps. h is Hutchinson's estimate ``z * (H @ z)`` of the Hessian's
    diagonal, for a z of random signs: two gradients, or one product of the Hessian and a vector. The
    authors give one for each step; with fewer, each counts once, where timm takes the last one again
    at each step: ``opt.estimate(h)`` with the same h. Of a kernel of four axes the authors average
    over the window: ``h = np.broadcast_to(np.abs(h).mean(axis=(2, 3), keepdims=True), h.shape)``.

    Yao et al., *ADAHESSIAN: an adaptive second order optimizer for machine learning*
    (arXiv:2006.00719), as in timm.

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two floats, >= 0 and < 1
        How much of the first moment is kept, and of the mean of squared estimates.
    eps : float >= 0
        Added to the root.
    hessian_power : {"1", "1/2"}
        The power of the curvature that the step is divided by; of other powers the bits would not be
        the same everywhere.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    v : running mean of squared estimates

    Raises
    ------
    RuntimeError
        By a step, for a parameter with a gradient that has had no estimate.

    Examples
    --------
    >>> w = np.array([1.0, 2.0])
    >>> opt = fastopt.AdaHessian([w], lr=0.5)
    >>> opt.estimate([np.array([4.0, 0.5])])
    True
    >>> opt.step([np.array([4.0, 1.0])])
    True
    >>> w
    array([0.5       , 1.00000002])
    """

    facts = Facts(
        paper="arXiv:2006.00719",
        kind="curvature",
        good_for="losses that are curved very differently along their parameters",
        states={"m": "running mean of gradients", "v": "running mean of squared estimates"},
        few_bits={"m": "signed"},
    )

    eps: Scheduled = number(default=1e-8, at_least=0.0)
    hessian_power: str = choice("1", "1/2", default="1")
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    takes_estimate = "v"

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return adahessian if h.hessian_power == "1" else adahessian_half

    @classmethod
    def estimate_rule(cls, h: Values) -> RuleFunction:
        return mean_of_squared_estimates

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1 = h.betas[0]
        # Before the first estimate no step is taken; these numbers are looked at all the same.
        left = 1.0 - carried.beta2_product if carried.beta2_product < 1.0 else 1.0
        step, unbias = h.lr / (1.0 - power(beta1, t)), 1.0 / sqrt(left)
        return AdahessianCoefficients(beta1, 1.0 - beta1, step, unbias, h.eps)
