"""A warm-up before any schedule, and the usual combinations of it with a stay and a fall."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastopt.algorithm import choice
from fastopt.runtime import whole
from fastopt.schedules.annealing import cosine
from fastopt.schedules.arguments import Count, Shape, Steps, Value
from fastopt.schedules.base import Schedule
from fastopt.schedules.decay import linear
from fastopt.schedules.joining import delayed
from fastopt.schedules.shapes import SHAPES, mixed


@dataclass(frozen=True)
class warmup(delayed):
    """Rise to where a schedule begins, then follow it from its step 0.

    ::

        start + (base(0) - start) * step / steps        for step < steps
        base(step - steps)                              from then on

    At the first step the value is `start`: a learning rate of 0 there is a step that only state sees.
    optax's ``warmup_constant_schedule`` is one around `constant`.

    Goyal et al., *Accurate, large minibatch SGD* (arXiv:1706.02677).

    Parameters
    ----------
    base : Schedule
        What follows.
    steps : int >= 0
        How many steps the value rises for.
    start : float
        The value at step 0.
    shape : {"linear", "cosine"}
        The way up.
    """

    start: Value = 0.0
    shape: Shape = "linear"

    def _at(self, step: int) -> float:
        if step >= self.steps:
            return self.base._at(step - self.steps)
        return mixed(self.start, self.base._at(0), SHAPES[self.shape](step / self.steps))


def warmup_cosine(
    value: float,
    steps: int,
    warmup_steps: int,
    end: float = 0.0,
    start: float = 0.0,
    exponent: float = 1.0,
) -> warmup:
    """Rise in a straight line, fall along half a cosine.

    It is ``warmup(cosine(value, steps - warmup_steps, end, exponent), warmup_steps, start)``: optax's
    ``warmup_cosine_decay_schedule``. Keras's ``CosineDecay`` with a warm-up counts ``decay_steps``
    without it.

    Parameters
    ----------
    value : float
        The peak, at step `warmup_steps`.
    steps : int >= 1
        The step at which `end` is reached, warm-up included.
    warmup_steps : int >= 0, < steps
        How many of them the value rises for.
    end : float
        The last value.
    start : float
        The value at step 0.
    exponent : float > 0
        As of `cosine`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or out of range.
    """
    left = _left(steps, warmup_steps, "warmup_cosine")
    return warmup(cosine(value, left, end, exponent), warmup_steps, start)


def warmup_linear(
    value: float, steps: int, warmup_steps: int, end: float = 0.0, start: float = 0.0
) -> warmup:
    """Rise in a straight line, fall in a straight line.

    It is ``warmup(linear(value, steps - warmup_steps, end), warmup_steps, start)``.

    Parameters
    ----------
    value, steps, warmup_steps, end, start
        As of `warmup_cosine`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or out of range.
    """
    left = _left(steps, warmup_steps, "warmup_linear")
    return warmup(linear(value, left, end), warmup_steps, start)


def _left(steps: int, warmup_steps: int, name: str) -> int:
    """Return the steps that the warm-up leaves."""
    steps = whole(steps, f"steps of {name}", 1)
    warmup_steps = whole(warmup_steps, f"warmup_steps of {name}", 0)
    if warmup_steps >= steps:
        raise ValueError(
            f"{name} has {steps} steps, {warmup_steps} of them for the warm-up, and none are left; "
            "steps counts the warm-up too"
        )
    return steps - warmup_steps


@dataclass(frozen=True)
class warmup_stable_decay(Schedule):
    """Rise in a straight line, stay, and fall at the end (WSD, a trapezoid).

    ::

        start + (value - start) * step / warmup_steps                for step < warmup_steps
        value                                                        then
        end + (value - end) * left(z)                                in the last decay_steps
        z = (step - (steps - decay_steps)) / decay_steps
        left(z) = 1 - z, (1 + cos(pi * z)) / 2 or 1 - sqrt(z)        shape

    Hu et al., *MiniCPM* (arXiv:2404.06395); 1-sqrt: Hägele et al., *Scaling laws and compute-optimal
    training beyond fixed training durations* (arXiv:2405.18392).

    Parameters
    ----------
    value : float
        The value between rise and fall.
    steps : int >= 1
        The step at which `end` is reached.
    warmup_steps : int >= 0
        How many of them the value rises for.
    decay_steps : int >= 1
        How many of them it falls for.
    end : float
        The last value.
    start : float
        The value at step 0.
    shape : {"linear", "cosine", "1-sqrt"}
        The way down.
    """

    value: Value
    steps: Steps
    warmup_steps: Count
    decay_steps: Steps
    end: Value = 0.0
    start: Value = 0.0
    shape: Annotated[Literal["linear", "cosine", "1-sqrt"], choice(*SHAPES, default="linear").check] = (
        "linear"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup_steps + self.decay_steps > self.steps:
            raise ValueError(
                f"warmup_stable_decay has {self.steps} steps, which {self.warmup_steps} of warm-up and "
                f"{self.decay_steps} of decay exceed; steps counts both"
            )

    def _at(self, step: int) -> float:
        if step < self.warmup_steps:
            return mixed(self.start, self.value, 1.0 - step / self.warmup_steps)
        falling = min(step, self.steps) - (self.steps - self.decay_steps)
        if falling <= 0:
            return self.value
        return mixed(self.value, self.end, SHAPES[self.shape](falling / self.decay_steps))

    def _length(self) -> int | None:
        return self.steps
