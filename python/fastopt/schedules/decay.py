"""Values that fall from the first step on and reach an end: linear, polynomial, rex."""

from dataclasses import dataclass

from fastopt.schedules.arguments import Flag, Positive, Steps, Value
from fastopt.schedules.base import Schedule
from fastopt.schedules.shapes import mixed


@dataclass(frozen=True)
class linear(Schedule):
    """Go from one value to another in a straight line, and stay there.

    ::

        value + (end - value) * min(step / steps, 1)

    optax's ``linear_schedule``; torch's ``LinearLR`` has ``value / lr`` and ``end / lr`` as factors.

    Parameters
    ----------
    value : float
        The value at step 0.
    steps : int >= 1
        The step at which `end` is reached.
    end : float
        The last value, which may be larger.
    """

    value: Value
    steps: Steps
    end: Value = 0.0

    def _at(self, step: int) -> float:
        left = max(self.steps - step, 0) / self.steps
        return mixed(self.value, self.end, left)

    def _length(self) -> int | None:
        return self.steps


@dataclass(frozen=True)
class polynomial(Schedule):
    """Fall as a power of the steps that are left.

    ::

        end + (value - end) * (1 - min(step / steps, 1)) ^ power

    optax's ``polynomial_schedule``, torch's ``PolynomialLR`` and Keras's ``PolynomialDecay``, where
    `end` is 0.0001 unless given.

    Parameters
    ----------
    value : float
        The value at step 0.
    steps : int >= 1
        The step at which `end` is reached.
    end : float
        The last value.
    power : float > 0
        1 is a straight line, more falls faster at first.
    cycle : bool
        Beyond `steps`, let ``steps * ceil(step / steps)`` take its place, as in Keras: the value rises
        again after each multiple of it, to less each time.
    """

    value: Value
    steps: Steps
    end: Value = 0.0
    power: Positive = 1.0
    cycle: Flag = False

    def _at(self, step: int) -> float:
        steps = self.steps
        if self.cycle:
            steps *= max(-(-step // steps), 1)
        left = max(steps - step, 0) / steps
        return mixed(self.value, self.end, left**self.power)

    def _length(self) -> int | None:
        return None if self.cycle else self.steps

    def _span(self) -> int:
        return 4 * self.steps if self.cycle else self.steps


@dataclass(frozen=True)
class rex(Schedule):
    """Fall slowly at first and fast at the end, for a given budget of steps.

    ::

        end + (value - end) * (1 - z) / (1/2 + (1 - z) / 2)                         z = step / steps

    Chen, Wolfe and Kyrillidis, *REX: revisiting budgeted training with an improved schedule*
    (arXiv:2107.04197).

    Parameters
    ----------
    value : float
        The value at step 0.
    steps : int >= 1
        The step at which `end` is reached.
    end : float
        The last value; 0 in the paper.
    """

    value: Value
    steps: Steps
    end: Value = 0.0

    def _at(self, step: int) -> float:
        left = max(self.steps - step, 0) / self.steps
        return mixed(self.value, self.end, left / (0.5 + 0.5 * left))

    def _length(self) -> int | None:
        return self.steps
