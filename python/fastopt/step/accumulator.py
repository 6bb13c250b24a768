"""Gradients of several calls, added up in one buffer for each parameter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastopt import backends
from fastopt.algorithm import NOTHING, rule_of, shipped
from fastopt.arrays import Arena, Named
from fastopt.backends import PLAIN_PASS, GradientForms
from fastopt.model import Change, Parameters
from fastopt.numerics import is_low
from fastopt.runtime import get_num_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray


@shipped
def accumulate(p: Any, g: Any, c: Any) -> Any:
    """Add a gradient to the sum that stands in place of a parameter."""
    return p + c.take * g


class AccumulateCoefficients(NamedTuple):
    """Scalars of `accumulate`."""

    take: float


class Accumulator:
    """The weighted sums, how many gradients are in them, and the sum of the weights."""

    def __init__(self, parameters: Parameters, backend: str) -> None:
        self.count = 0
        self.weight = 0.0
        self._backend = backend
        self._casts = any([is_low(p.dtype) for p in parameters.arrays])
        room = Arena()
        self.sums: list[NDArray[Any]] = [room.like(p, 0.0, 6) for p in parameters.arrays]
        self.present = [False] * len(self.sums)
        self.named: list[Named] = [
            (f"the sum of the gradients of {name!r}", total)
            for name, total in zip(parameters.names, self.sums, strict=True)
        ]
        rule = rule_of(accumulate)
        arrays = [(total,) for total in self.sums]
        self._plan = backends.backend(backend).make_plan(
            arrays, [rule] * len(arrays), [0] * len(arrays)
        )

    def add(
        self, gradients: Sequence[Any], taking: GradientForms | None, zero: bool, weight: float = 1.0
    ) -> bool:
        """Add gradients that have been checked, times their weight, and zero them if asked.

        Says whether that was done: not if one of the sums is no longer as it was.
        """
        if self._casts:
            taking = GradientForms(taking is not None and taking.written, True)
        if self._plan.bind(gradients, None, True, taking) >= 0:
            return False
        present = [had or g is not None for had, g in zip(self.present, gradients, strict=True)]
        changes: list[Change] = [
            (self, "present", present),
            (self, "count", self.count + 1),
            (self, "weight", self.weight + weight),
        ]
        rows = [(NOTHING, AccumulateCoefficients(weight))]
        self._plan.run(rows, get_num_threads(), PLAIN_PASS._replace(zero=zero), changes)
        return True

    def close(self) -> None:
        """Release the arrays."""
        self._plan = backends.backend(self._backend).make_plan([], [], [])

    def totals(self) -> list[Any]:
        """List the sums; None where there has been no gradient."""
        return [s if present else None for s, present in zip(self.sums, self.present, strict=True)]

    def begun_again(self) -> list[Change]:
        """List what changes with the step that has taken and zeroed the sums."""
        present = [False] * len(self.sums)
        return [(self, "count", 0), (self, "weight", 0.0), (self, "present", present)]


def check_nothing_waits(sums: Accumulator | None) -> None:
    """Raise RuntimeError where sums wait, which a step would pass by."""
    if sums is not None and sums.count:
        raise RuntimeError(
            f"{waiting(sums)}: opt.flush() takes the step with them; call it before opt.step(grads), "
            "or give these gradients to opt.accumulate as well"
        )


def waiting(sums: Accumulator) -> str:
    """Return what messages call the sums that wait for their step."""
    gradients = "1 gradient waits" if sums.count == 1 else f"{sums.count} gradients wait"
    return f"{gradients} in the sums of accumulate"
