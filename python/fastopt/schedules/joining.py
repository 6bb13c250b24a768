"""Schedules made of schedules: one after the other, later, or multiplied."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastopt.runtime import describe
from fastopt.schedules.arguments import Count, Milestones, Value
from fastopt.schedules.base import Schedule


def schedule(value: Any, where: str) -> Schedule:
    """Return what is a schedule and a function of the step alone; raise TypeError for anything else."""
    if not isinstance(value, Schedule):
        raise TypeError(f"{where} is {describe(value)}; it must be a schedule, such as constant(0.1)")
    if value.stateful:
        raise TypeError(
            f"{where} is a {value.name}, which keeps a state; schedules are made of those that are "
            "functions of the step alone, so use it by itself"
        )
    return value


def _schedules(value: Any, where: str) -> tuple[Schedule, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{where} is {describe(value)}; it must be a list of schedules")
    return tuple(schedule(each, f"entry {i} of {where}") for i, each in enumerate(value))


@dataclass(frozen=True)
class join(Schedule):
    """Run schedules one after the other, each from its own step 0.

    ::

        schedules[i](step - boundaries[i - 1])   for   boundaries[i - 1] <= step < boundaries[i]

    optax's ``join_schedules``, torch's ``SequentialLR``.

    Parameters
    ----------
    schedules : list of Schedule
        One more than there are boundaries.
    boundaries : list of int >= 1, increasing
        The step at which the second schedule begins, the third, ...
    """

    schedules: Annotated[Sequence[Schedule], _schedules]
    boundaries: Milestones

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"join has {len(self.schedules)} schedules and {len(self.boundaries)} boundaries; it "
                "needs one schedule more than boundaries"
            )

    def _at(self, step: int) -> float:
        i = bisect_right(self.boundaries, step)
        return self.schedules[i]._at(step - self.boundaries[i - 1] if i else step)

    def _length(self) -> int | None:
        length = self.schedules[-1]._length()
        return None if length is None else self.boundaries[-1] + length

    def _span(self) -> int:
        return self.boundaries[-1] + self.schedules[-1]._span()


@dataclass(frozen=True)
class delayed(Schedule):
    """Stay where a schedule begins, then follow it from its step 0.

    ::

        base(0)                 for step < steps
        base(step - steps)      from then on

    To begin a schedule in the middle of training:
    ``opt.lr = schedules.delayed(schedules.cosine(1e-3, 1000), opt.step_count)``.

    Parameters
    ----------
    base : Schedule
        What follows.
    steps : int >= 0
        The step at which it begins.
    """

    base: Annotated[Schedule, schedule]
    steps: Count

    def _at(self, step: int) -> float:
        return self.base._at(max(step - self.steps, 0))

    def _length(self) -> int | None:
        length = self.base._length()
        return None if length is None else self.steps + length

    def _span(self) -> int:
        return self.steps + self.base._span()


@dataclass(frozen=True)
class scaled(Schedule):
    """Multiply a schedule by a number; ``base * factor`` makes one.

    Parameters
    ----------
    base : Schedule
        What is multiplied.
    factor : float
        The number.
    """

    base: Annotated[Schedule, schedule]
    factor: Value

    def _at(self, step: int) -> float:
        return self.base._at(step) * self.factor

    def _length(self) -> int | None:
        return self.base._length()

    def _span(self) -> int:
        return self.base._span()
