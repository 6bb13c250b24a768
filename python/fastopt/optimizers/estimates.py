"""Running means of estimates of the Hessian's diagonal, for the algorithms that keep one."""

from collections import namedtuple
from collections.abc import Mapping
from typing import Any, ClassVar

from fastopt.algorithm import Scheduled, ScheduledPair, Values, number, pair, shipped
from fastopt.optimizer import Optimizer


@shipped
def mean_of_estimates(p: Any, g: Any, c: Any) -> Any:
    """Mix an estimate into a running mean, which stands in place of a parameter."""
    return c.keep * p + c.take * g


@shipped
def mean_of_squared_estimates(p: Any, g: Any, c: Any) -> Any:
    """Mix the square of an estimate into it."""
    return c.keep * p + c.take * g * g


MeanCoefficients = namedtuple("MeanCoefficients", "keep take")


class OfEstimates(Optimizer):
    """A mean of estimates, and the product of all beta2 so far, which begins with 1."""

    lr: Scheduled = number(default=0.1, at_least=0.0)
    betas: ScheduledPair = pair(default=(0.9, 0.999), below=1.0)

    carried: ClassVar = {"beta2_product": number(default=1.0, at_least=0.0, at_most=1.0)}

    @classmethod
    def estimated(cls, h: Values, carried: Values) -> Any:
        beta2 = h.betas[1]
        carried.beta2_product *= beta2
        return MeanCoefficients(beta2, 1.0 - beta2)

    @classmethod
    def has_estimate(cls, carried: Mapping[str, float]) -> bool:
        return carried["beta2_product"] < 1.0
