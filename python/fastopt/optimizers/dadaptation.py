"""The base of D-Adaptation: an estimate of the distance to the solution."""

from math import inf
from typing import Any, ClassVar

from numpy.typing import NDArray

from fastopt.algorithm import Measured, Scheduled, ScheduledOrNone, Values, flag, measurement, number
from fastopt.optimizer import Optimizer


class DAdaptation(Optimizer):
    """An estimate of the distance to the solution, which grows where it has been too small."""

    lr: Scheduled = number(default=1.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    d0: float = number(default=1e-6, above=0.0)
    growth_rate: ScheduledOrNone = number(default=None, at_least=1.0, optional=True)

    carried: ClassVar = {"d": measurement(), "r": measurement(at_least=-inf)}
    decays = True  # the rule itself, where it is decoupled
    measures_all = True
    sums: ClassVar = {"p": "values", "s": "values"}

    @classmethod
    def state_of_new_rows(cls, h: Values, name: str, p: NDArray[Any]) -> Any:
        """Return p for start, which begins so in the first step of a parameter."""
        return p if name == "start" else super().state_of_new_rows(h, name, p)

    @classmethod
    def kept(cls, h: Values, step: float) -> float:
        """Return how much decoupled weight decay leaves of a parameter."""
        return 1.0 - step * h.weight_decay if h.decoupled_weight_decay else 1.0

    @classmethod
    def distance(cls, c: Any, measured: Measured, carried: Values) -> float:
        """Return how far away the solution is at least; there have been gradients."""
        carried.r = c.beta3 * carried.r + measured.sums["p"]
        found: float = carried.r / ((1.0 - c.beta3) * measured.sums["s"])
        return found

    @classmethod
    def adapt(cls, h: Values, c: Any, measured: Measured, carried: Values) -> None:
        carried.d = carried.d or h.d0
        if measured.sums["s"] != 0.0:
            limit = inf if h.growth_rate is None else carried.d * h.growth_rate
            carried.d = max(carried.d, min(cls.distance(c, measured, carried), limit))
