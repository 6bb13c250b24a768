"""AggMo: aggregated momentum."""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from fastopt.algorithm import (
    Facts,
    RuleFunction,
    Scheduled,
    ScheduledNumbers,
    Values,
    number,
    several,
    shipped,
)
from fastopt.optimizer import Optimizer


@shipped
def aggmo2(p: Any, g: Any, b1: Any, b2: Any, c: Any) -> Any:
    """Descend along two buffers of gradients."""
    b1 = c.beta1 * b1 + g
    b2 = c.beta2 * b2 + g
    p = p - c.lr * (b1 + b2)
    return p, b1, b2


@shipped
def aggmo3(p: Any, g: Any, b1: Any, b2: Any, b3: Any, c: Any) -> Any:
    """Descend along three."""
    b1 = c.beta1 * b1 + g
    b2 = c.beta2 * b2 + g
    b3 = c.beta3 * b3 + g
    p = p - c.lr * (b1 + b2 + b3)
    return p, b1, b2, b3


@shipped
def aggmo4(p: Any, g: Any, b1: Any, b2: Any, b3: Any, b4: Any, c: Any) -> Any:
    """Descend along four."""
    b1 = c.beta1 * b1 + g
    b2 = c.beta2 * b2 + g
    b3 = c.beta3 * b3 + g
    b4 = c.beta4 * b4 + g
    p = p - c.lr * (b1 + b2 + b3 + b4)
    return p, b1, b2, b3, b4


@shipped
def aggmo5(p: Any, g: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, c: Any) -> Any:
    """Descend along five."""
    b1 = c.beta1 * b1 + g
    b2 = c.beta2 * b2 + g
    b3 = c.beta3 * b3 + g
    b4 = c.beta4 * b4 + g
    b5 = c.beta5 * b5 + g
    p = p - c.lr * (b1 + b2 + b3 + b4 + b5)
    return p, b1, b2, b3, b4, b5


Aggmo2Coefficients = namedtuple("Aggmo2Coefficients", "beta1 beta2 lr")
Aggmo3Coefficients = namedtuple("Aggmo3Coefficients", "beta1 beta2 beta3 lr")
Aggmo4Coefficients = namedtuple("Aggmo4Coefficients", "beta1 beta2 beta3 beta4 lr")
Aggmo5Coefficients = namedtuple("Aggmo5Coefficients", "beta1 beta2 beta3 beta4 beta5 lr")

RULES: Mapping[int, RuleFunction] = {2: aggmo2, 3: aggmo3, 4: aggmo4, 5: aggmo5}
COEFFICIENTS: Mapping[int, Callable[..., tuple[float, ...]]] = {
    2: Aggmo2Coefficients,
    3: Aggmo3Coefficients,
    4: Aggmo4Coefficients,
    5: Aggmo5Coefficients,
}


@shipped
class AggMo(Optimizer):
    """Aggregated momentum: the mean of SGD's steps with several momenta.

    ::

        b1 = betas[0] * b1 + g
        b2 = betas[1] * b2 + g                         and so on, one for each of K betas
        p = p - lr / K * (b1 + b2 + ...)

    Lucas, Sun, Zemel and Grosse, *Aggregated momentum: stability through passive damping*
    (arXiv:1804.00325).

    Parameters
    ----------
    lr : float >= 0
        Learning rate.
    betas : two to five floats, >= 0 and < 1
        How much of each buffer is kept.
    **options
        Those of every `Optimizer`: of the update, regularization, gradients, averages, bookkeeping.

    States
    ------
    b1 : buffer of gradients
    b2 : buffer of gradients
    b3 : buffer of gradients, with a third beta
    b4 : buffer of gradients, with a fourth beta
    b5 : buffer of gradients, with a fifth beta

    Examples
    --------
    >>> w = np.ones(2)
    >>> opt = fastopt.AggMo([w], lr=0.1, betas=(0.0, 0.5))
    >>> for _ in range(2):
    ...     _ = opt.step([np.array([1.0, -2.0])])
    >>> w
    array([0.775, 1.45 ])
    """

    facts = Facts(
        paper="arXiv:1804.00325",
        kind="momentum",
        good_for="what SGD with momentum is good for, at momenta near 1 without oscillation",
        states={
            "b1": "buffer of gradients",
            "b2": "buffer of gradients",
            "b3": "buffer of gradients, with a third beta",
            "b4": "buffer of gradients, with a fourth beta",
            "b5": "buffer of gradients, with a fifth beta",
        },
        few_bits={"b1": "signed", "b2": "signed", "b3": "signed", "b4": "signed", "b5": "signed"},
    )

    lr: Scheduled = number(default=1e-3, at_least=0.0)
    betas: ScheduledNumbers = several(default=(0.0, 0.9, 0.99), fewest=2, most=5, below=1.0)

    @classmethod
    def select_rule(cls, h: Values) -> RuleFunction:
        return RULES[len(h.betas)]

    @staticmethod
    def coefficients(h: Values, t: int) -> tuple[float, ...]:
        return COEFFICIENTS[len(h.betas)](*h.betas, h.lr / len(h.betas))
