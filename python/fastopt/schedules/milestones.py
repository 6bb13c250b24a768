"""Values that stay, and change at milestones: constant, step, multi_step, piecewise."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Annotated, Literal

from fastopt.algorithm import choice
from fastopt.numerics import power
from fastopt.schedules.arguments import Milestones, Positive, Steps, Value, Values
from fastopt.schedules.base import Schedule
from fastopt.schedules.shapes import SHAPES, mixed


@dataclass(frozen=True)
class constant(Schedule):
    """Stay at one value: optax's ``constant_schedule``.

    Parameters
    ----------
    value : float
        The value.
    """

    value: Value

    def _at(self, step: int) -> float:
        return self.value

    def _length(self) -> int | None:
        return 0


@dataclass(frozen=True)
class step(Schedule):
    """Multiply by gamma every so many steps: torch's ``StepLR``.

    ::

        value * gamma ^ floor(step / step_size)

    Parameters
    ----------
    value : float
        The value at step 0.
    step_size : int >= 1
        How many steps each value stays.
    gamma : float > 0
        The factor.
    """

    value: Value
    step_size: Steps
    gamma: Positive = 0.1

    def _at(self, step: int) -> float:
        return self.value * power(self.gamma, step // self.step_size)

    def _span(self) -> int:
        return 5 * self.step_size


@dataclass(frozen=True)
class multi_step(Schedule):
    """Multiply by gamma at each milestone: torch's ``MultiStepLR``.

    ::

        value * gamma ^ (number of milestones <= step)

    Parameters
    ----------
    value : float
        The value at step 0.
    milestones : list of int >= 1, increasing
        The first step of each new value.
    gamma : float > 0
        The factor.
    """

    value: Value
    milestones: Milestones
    gamma: Positive = 0.1

    def _at(self, step: int) -> float:
        return self.value * power(self.gamma, bisect_right(self.milestones, step))

    def _length(self) -> int | None:
        return self.milestones[-1]

    def _span(self) -> int:
        return self.milestones[-1] * 5 // 4 + 1


@dataclass(frozen=True)
class piecewise(Schedule):
    """One level after the other, each from its boundary on.

    ::

        levels[i]   for   boundaries[i - 1] <= step < boundaries[i]

    With another shape, go from each level to the next, which is reached at its boundary. The last one
    stays. optax's ``piecewise_constant_schedule`` and ``piecewise_interpolate_schedule`` are given the
    factors between levels instead; torch's ``ConstantLR`` is two levels. Keras's
    ``PiecewiseConstantDecay`` keeps the old level at the boundary itself: its boundaries are less by 1.

    Parameters
    ----------
    boundaries : list of int >= 1, increasing
        Where the second level begins, or is reached; the third, ...
    levels : list of float
        One more than there are boundaries.
    shape : {"constant", "linear", "cosine"}
        How to go from one level to the next.
    """

    boundaries: Milestones
    levels: Values
    shape: Annotated[
        Literal["constant", "linear", "cosine"],
        choice("constant", "linear", "cosine", default="constant").check,
    ] = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.levels) != len(self.boundaries) + 1:
            raise ValueError(
                f"piecewise has {len(self.levels)} levels and {len(self.boundaries)} boundaries; it "
                "needs one level more than boundaries, the one before the first"
            )

    def _at(self, step: int) -> float:
        i = bisect_right(self.boundaries, step)
        if self.shape == "constant" or i == len(self.boundaries):
            return self.levels[i]
        begin = self.boundaries[i - 1] if i else 0
        left = SHAPES[self.shape]((step - begin) / (self.boundaries[i] - begin))
        return mixed(self.levels[i], self.levels[i + 1], left)

    def _length(self) -> int | None:
        return self.boundaries[-1]

    def _span(self) -> int:
        return self.boundaries[-1] * 5 // 4 + 1
