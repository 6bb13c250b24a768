"""Values that rise, stay and fall: warmup_stable_decay."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastopt.algorithm import choice
from fastopt.schedules.arguments import Count, Steps, Value
from fastopt.schedules.base import Schedule
from fastopt.schedules.shapes import SHAPES, mixed


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

    def _span(self) -> int:
        return self.steps
