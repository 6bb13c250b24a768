"""Values that fall along half a cosine: once, or from the top again and again."""

from dataclasses import dataclass

from fastopt.numerics import power
from fastopt.schedules.arguments import Flag, Positive, Steps, Value
from fastopt.schedules.base import Schedule
from fastopt.schedules.shapes import cosine as half_cosine
from fastopt.schedules.shapes import mixed


@dataclass(frozen=True)
class cosine(Schedule):
    """Fall along half a cosine.

    ::

        end + (value - end) * ((1 + cos(pi * min(step / steps, 1))) / 2) ^ exponent

    optax's ``cosine_decay_schedule`` and Keras's ``CosineDecay``, with ``end = alpha * value``; torch's
    ``CosineAnnealingLR`` with ``periodic=True``. Torch computes each value from the one before, by a
    recursion that drifts by some units of 1e-16 a step; this is the closed form.

    Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts* (arXiv:1608.03983).

    Parameters
    ----------
    value : float
        The value at step 0.
    steps : int >= 1
        The step at which `end` is reached.
    end : float
        The last value.
    exponent : float > 0
        Above 1, the value falls faster and stays low for longer.
    periodic : bool
        Go on along the cosine: up again to `value` at ``2 * steps``, and so on.
    """

    value: Value
    steps: Steps
    end: Value = 0.0
    exponent: Positive = 1.0
    periodic: Flag = False

    def _at(self, step: int) -> float:
        there = min(step, self.steps)
        if self.periodic:
            there = self.steps - abs(self.steps - step % (2 * self.steps))
        return mixed(self.value, self.end, half_cosine(there / self.steps) ** self.exponent)

    def _length(self) -> int | None:
        return None if self.periodic else self.steps

    def _span(self) -> int:
        return 4 * self.steps if self.periodic else self.steps


@dataclass(frozen=True)
class cosine_restarts(Schedule):
    """Fall along half a cosine and restart from the top, each time for longer (SGDR).

    ::

        end + (value - end) * m_mult^i * (1 + cos(pi * j / (t_0 * t_mult^i))) / 2

    at step j of period i, 0, 1, .... torch's ``CosineAnnealingWarmRestarts`` (where `t_0` is ``T_0``);
    Keras's ``CosineDecayRestarts``, with ``end = alpha * value`` and `t_mult` 2 unless given; optax's
    ``sgdr_schedule`` has each period written out.

    Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts* (arXiv:1608.03983).

    Parameters
    ----------
    value : float
        The value at step 0.
    t_0 : int >= 1
        The length of the first period.
    t_mult : int >= 1
        How many times as long each period is as the one before.
    end : float
        What each period falls towards; it restarts where that would be reached.
    m_mult : float > 0
        How many times as high each period begins as the one before, above `end`.
    """

    value: Value
    t_0: Steps
    t_mult: Steps = 1
    end: Value = 0.0
    m_mult: Positive = 1.0

    def _at(self, step: int) -> float:
        length = self.t_0
        if self.t_mult == 1:
            period, step = divmod(step, length)
        else:
            period = 0
            while step >= length:
                step -= length
                length *= self.t_mult
                period += 1
        return mixed(self.value, self.end, power(self.m_mult, period) * half_cosine(step / length))

    def _span(self) -> int:
        return self.t_0 * (4 if self.t_mult == 1 else 1 + self.t_mult + self.t_mult**2)
