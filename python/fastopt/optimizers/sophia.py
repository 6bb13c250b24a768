"""Sophia."""

from collections import namedtuple
from typing import Any

from fastopt.algorithm import (
    CONVENTIONS,
    Facts,
    RuleFunction,
    Scheduled,
    ScheduledPair,
    Values,
    bounded,
    choice,
    flag,
    maximum,
    number,
    pair,
    shipped,
)
from fastopt.numerics import power
from fastopt.optimizers.estimates import (
    MeanCoefficients,
    OfEstimates,
    mean_of_estimates,
    mean_of_squared_estimates,
)


@shipped
def sophia(p: Any, g: Any, m: Any, h: Any, c: Any) -> Any:
    """Divide the first moment by the curvature, and limit what that gives."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    p = p - c.lr * bounded(c.unbias * m / (maximum(c.scale * h, c.least) + c.more), c.limit)
    return p, m, h


SophiaCoefficients = namedtuple(
    "SophiaCoefficients", "beta1 one_minus_beta1 unbias scale least more limit lr"
)


@shipped
class Sophia(OfEstimates):
    """Sophia: the first moment over the curvature, where that is not too far to go.

    ::

        h = beta2 * h + (1 - beta2) * x * x                opt.estimate(x), "gnb"
        h = beta2 * h + (1 - beta2) * x                    opt.estimate(x), "hutchinson"
        m = beta1 * m + (1 - beta1) * g                    opt.step(g)
        d = m / (rho * bs * h + eps)                       "gnb"
        d = m / max(rho * h, eps)                          "hutchinson"
        p = p - lr * min(max(d, -clip_threshold), clip_threshold)

    What is estimated from, x, is with ``estimator="gnb"`` (Gauss-Newton-Bartlett, SophiaG) a gradient:
    that of the mean loss over bs samples, with labels that are drawn from the model's own predictions.
    With "hutchinson" (SophiaH) it is ``z * (H @ z)``, for a z of random signs. One for each ten steps
    is enough.

    Liu et al., *Sophia: a scalable stochastic second-order optimizer for language model pre-training*
    (arXiv:2305.14342), as in the authors' file. optax's, ``like="optax"``, is SophiaH with a corrected
    first moment, and its steps are by the estimates of steps before: ``opt.estimate(x)`` after
    ``opt.step(g)``, with an x of the parameters before that. With ``maximize=True`` x is of what is
    maximized, too.

    Parameters
    ----------
    lr : float >= 0
        Learning rate: how far an element moves at most, times clip_threshold.
    betas : two floats, >= 0 and < 1
        How much of the first moment is kept, and of the mean of estimates.
    eps : float > 0
        Keeps the divisor from being 0.
    rho : float >= 0
        How much the curvature counts; optax's gamma. The smaller, the more elements go the whole way.
    estimator : {"gnb", "hutchinson"}
        What `estimate` is given.
    bs : float > 0
        The number of samples, tokens for language models, of the mean loss; for "gnb" alone.
    clip_threshold : float > 0
        The limit above.
    bias_correction : bool
        Divide m by ``1 - beta1^t``.
    before_estimate : {"raise", "sign"}
        What a step does before the first estimate: an error, or all elements go the whole way, as in
        the authors' file and in optax.
    weight_decay : float >= 0
        How much the parameters shrink.
    decoupled_weight_decay : {True, False, "fixed", "corrected", "after", "proximal"}
        How the parameters shrink; see `Optimizer`.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    m : running mean of gradients
    h : running mean of estimates

    Raises
    ------
    RuntimeError
        By a step, for a parameter with a gradient that has had no estimate.

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.Sophia([w], lr=0.1, rho=1.0, estimator="hutchinson", weight_decay=0.0)
    >>> opt.estimate([np.array([10.0, 0.1])])
    True
    >>> opt.step([np.array([1.0, -2.0])])
    True
    >>> w
    array([0.965, 1.1  ])
    """

    facts = Facts(
        paper="arXiv:2305.14342",
        kind="curvature",
        good_for="language models",
        states={"m": "running mean of gradients", "h": "running mean of estimates"},
        few_bits={"m": "signed"},
    )

    lr: Scheduled = number(default=1e-4, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.965, 0.99), below=1.0)
    eps: Scheduled = number(default=1e-15, above=0.0)
    rho: Scheduled = number(default=0.04, at_least=0.0)
    estimator: str = choice("gnb", "hutchinson", default="gnb")
    bs: Scheduled = number(default=5120.0, above=0.0)
    clip_threshold: Scheduled = number(default=1.0, above=0.0)
    bias_correction: bool = flag(default=False)
    before_estimate: str = choice("raise", "sign", default="raise")
    weight_decay: Scheduled = number(default=0.1, at_least=0.0)
    decoupled_weight_decay: bool | str = choice(*CONVENTIONS, default=True)

    takes_estimate = "h"
    rule = staticmethod(sophia)

    @classmethod
    def estimate_rule(cls, h: Values) -> RuleFunction:
        return mean_of_squared_estimates if h.estimator == "gnb" else mean_of_estimates

    @classmethod
    def estimated(cls, h: Values, carried: Values) -> Any:
        c = super().estimated(h, carried)
        downwards = h.estimator == "hutchinson" and h.maximize  # of the loss that is -x's
        return MeanCoefficients(c.keep, -c.take) if downwards else c

    @classmethod
    def waits_for_estimate(cls, h: Values) -> bool:
        return bool(h.before_estimate == "raise")

    @classmethod
    def coefficients(cls, h: Values, t: int, carried: Values) -> tuple[float, ...]:
        beta1 = h.betas[0]
        unbias = 1.0 / (1.0 - power(beta1, t)) if h.bias_correction else 1.0
        scale, least, more = h.rho, h.eps, 0.0
        if h.estimator == "gnb":
            scale, least, more = h.rho * h.bs, 0.0, h.eps
        return SophiaCoefficients(
            beta1, 1.0 - beta1, unbias, scale, least, more, h.clip_threshold, h.lr
        )
