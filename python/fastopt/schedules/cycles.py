"""Values that go up and down: once over a whole training, or in cycles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Literal

from fastopt.algorithm import choice, number
from fastopt.numerics import power
from fastopt.schedules.arguments import Flag, OptionalSteps, Part, Positive, Shape, Steps, Value
from fastopt.schedules.base import Schedule
from fastopt.schedules.shapes import SHAPES, mixed

Knots = tuple[tuple[float, float], ...]  # steps, and the levels that are reached there
Gamma = Annotated[float, number(default=1.0, above=0.0, at_most=1.0).check]
Mode = Annotated[
    Literal["triangular", "triangular2", "exp_range"],
    choice("triangular", "triangular2", "exp_range", default="triangular").check,
]


@dataclass(frozen=True)
class one_cycle(Schedule):
    """Rise to a peak, and fall to far below the start: torch's ``OneCycleLR``, and its defaults.

    ::

        peak / div_factor  ->  peak  ->  peak / div_factor / final_div_factor

    The peak is at ``pct_start * steps - 1`` and the end at ``steps - 1``. With `three_phase` the value
    falls as fast as it rose, to where it began at ``2 * pct_start * steps - 2``, and then to the end.

    Torch refuses steps beyond the end, where this one stays. optax's ``cosine_onecycle_schedule`` has
    the peak at ``floor(pct_start * steps)`` and the end at ``steps``: that is a `piecewise`.

    Smith and Topin, *Super-convergence* (arXiv:1708.07120).

    Parameters
    ----------
    peak : float
        The largest value, torch's ``max_lr``.
    steps : int >= 1
        The length, torch's ``total_steps``.
    pct_start : float > 0 and < 1
        The part of the steps that the value rises for.
    div_factor, final_div_factor : float > 0
        What the peak is divided by for the start, and the start for the end.
    three_phase : bool
        Three parts instead of two.
    anneal : {"cosine", "linear"}
        The way from one value to the next, torch's ``anneal_strategy``.
    """

    peak: Value
    steps: Steps
    pct_start: Part = 0.3
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    three_phase: Flag = False
    anneal: Shape = "cosine"

    _knots: Knots = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        start = self.peak / self.div_factor
        middle = [start] if self.three_phase else []
        levels = [start, self.peak, *middle, start / self.final_div_factor]
        object.__setattr__(self, "_knots", _knots(self, levels))

    def _at(self, step: int) -> float:
        return _between(self._knots, SHAPES[self.anneal], step)

    def _length(self) -> int | None:
        return self.steps


@dataclass(frozen=True)
class one_cycle_momentum(Schedule):
    """Fall where `one_cycle` rises, and rise where it falls: the momentum of torch's ``OneCycleLR``.

    Parameters
    ----------
    steps : int >= 1
        The length.
    base : float
        The value at the peak of the learning rate, torch's ``base_momentum``.
    peak : float
        The value at the first step and the last, torch's ``max_momentum``.
    pct_start, three_phase, anneal
        As of the `one_cycle` beside it. In the last of three phases, the value stays.
    """

    steps: Steps
    base: Value = 0.85
    peak: Value = 0.95
    pct_start: Part = 0.3
    three_phase: Flag = False
    anneal: Shape = "cosine"

    _knots: Knots = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        last = [self.peak] if self.three_phase else []
        object.__setattr__(self, "_knots", _knots(self, [self.peak, self.base, self.peak, *last]))

    def _at(self, step: int) -> float:
        return _between(self._knots, SHAPES[self.anneal], step)

    def _length(self) -> int | None:
        return self.steps


def _knots(cycle: one_cycle | one_cycle_momentum, levels: Sequence[float]) -> Knots:
    """List the steps at which the levels are reached; ValueError for a phase without a length."""
    rise = cycle.pct_start * cycle.steps
    middle = [2.0 * rise - 2.0] if cycle.three_phase else []
    steps = [0.0, rise - 1.0, *middle, cycle.steps - 1.0]
    if any(first >= second for first, second in pairwise(steps)):
        raise ValueError(
            f"{cycle.name} has phases that end at steps {steps[1:]}, and each must end after the one "
            f"before, the first after 0: give it more than {cycle.steps} steps, or another pct_start "
            f"than {cycle.pct_start}"
        )
    return tuple(zip(steps, levels, strict=True))


def _between(knots: Knots, shape: Callable[[float], float], step: int) -> float:
    """Return the value of a step on the way from knot to knot."""
    for (begin, first), (end, second) in pairwise(knots):
        if step <= end:
            return mixed(first, second, shape((step - begin) / (end - begin)))
    return knots[-1][1]


@dataclass(frozen=True)
class cyclic(Schedule):
    """Go up and down between two values in straight lines: torch's ``CyclicLR``.

    ::

        low + (high - low) * height * scale
        scale = 1, 1 / 2^i in cycle i, gamma^step           mode

    The height goes from 0 to 1 in the first `step_size_up` steps of a cycle and back in the others.
    Momentum is cycled the other way round: ``cyclic(low=0.9, high=0.8)`` is torch's
    ``max_momentum=0.9, base_momentum=0.8``.

    Smith, *Cyclical learning rates for training neural networks* (arXiv:1506.01186).

    Parameters
    ----------
    low, high : float
        The value at step 0, and that of the first peak: torch's ``base_lr`` and ``max_lr``.
    step_size_up : int >= 1
        The steps from low to high.
    step_size_down : int >= 1, optional
        The steps back; as many unless given.
    mode : {"triangular", "triangular2", "exp_range"}
        Whether peaks stay, are halved from cycle to cycle, or fall with the step.
    gamma : float > 0 and <= 1
        What peaks are multiplied by at each step, in "exp_range".
    """

    low: Value
    high: Value
    step_size_up: Steps = 2000
    step_size_down: OptionalSteps = None
    mode: Mode = "triangular"
    gamma: Gamma = 1.0

    def _at(self, step: int) -> float:
        down = self.step_size_down or self.step_size_up
        cycle, there = divmod(step, self.step_size_up + down)
        height = min(there / self.step_size_up, (self.step_size_up + down - there) / down)
        if self.mode == "triangular2":
            height *= power(0.5, cycle)
        elif self.mode == "exp_range":
            height *= power(self.gamma, step)
        return mixed(self.high, self.low, height)

    def _span(self) -> int:
        return 4 * (self.step_size_up + (self.step_size_down or self.step_size_up))
