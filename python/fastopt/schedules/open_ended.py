"""Values that fall for as long as training goes on: exponential, inverse_time, inverse_sqrt."""

from dataclasses import dataclass

from fastopt.numerics import power, sqrt
from fastopt.schedules.arguments import Flag, NotNegative, OptionalValue, Positive, Steps, Value
from fastopt.schedules.base import Schedule


@dataclass(frozen=True)
class exponential(Schedule):
    """Multiply by a rate every so many steps, smoothly or at once.

    ::

        value * decay_rate ^ (step / transition_steps)
        value * decay_rate ^ floor(step / transition_steps)                         staircase

    optax's ``exponential_decay``, Keras's ``ExponentialDecay``; torch's ``ExponentialLR`` has a
    transition of 1 step.

    Parameters
    ----------
    value : float
        The value at step 0.
    decay_rate : float > 0
        The factor; above 1 the value grows, as for a search of the largest learning rate.
    transition_steps : int >= 1
        The steps in which the value is multiplied by it.
    staircase : bool
        Multiply at once, at the end of them.
    end : float, optional
        Where to stop: the least value, or the largest for a rate above 1.
    """

    value: Value
    decay_rate: Positive
    transition_steps: Steps = 1
    staircase: Flag = False
    end: OptionalValue = None

    def _at(self, step: int) -> float:
        times, rest = divmod(step, self.transition_steps)
        value = self.value * power(self.decay_rate, times)
        if rest and not self.staircase:
            value *= self.decay_rate ** (rest / self.transition_steps)
        if self.end is None:
            return value
        return max(value, self.end) if self.decay_rate < 1.0 else min(value, self.end)

    def _span(self) -> int:
        return max(5 * self.transition_steps, 100)


@dataclass(frozen=True)
class inverse_time(Schedule):
    """Fall as one over the time.

    ::

        value / (1 + decay_rate * step / transition_steps)
        value / (1 + decay_rate * floor(step / transition_steps))                   staircase

    Keras's ``InverseTimeDecay``.

    Parameters
    ----------
    value : float
        The value at step 0.
    decay_rate : float >= 0
        The value is half of the first after ``transition_steps / decay_rate`` steps.
    transition_steps : int >= 1
        The unit of time.
    staircase : bool
        Count whole units alone.
    """

    value: Value
    decay_rate: NotNegative
    transition_steps: Steps = 1
    staircase: Flag = False

    def _at(self, step: int) -> float:
        times = step // self.transition_steps if self.staircase else step / self.transition_steps
        return self.value / (1.0 + self.decay_rate * times)

    def _span(self) -> int:
        return max(5 * self.transition_steps, 100)


@dataclass(frozen=True)
class inverse_sqrt(Schedule):
    """Rise in a straight line, fall as one over the root of the time.

    ::

        value * min(n / warmup_steps, sqrt(warmup_steps / n))        n = step + 1

    The schedule of the Transformer, whose step n counts from 1 and whose peak is ``value = (d_model *
    warmup_steps) ^ -0.5``: Vaswani et al., *Attention is all you need* (arXiv:1706.03762).

    Parameters
    ----------
    value : float
        The peak, at the last step of the warm-up.
    warmup_steps : int >= 1
        How many steps the value rises for.
    """

    value: Value
    warmup_steps: Steps

    def _at(self, step: int) -> float:
        n = step + 1
        return self.value * min(n / self.warmup_steps, sqrt(self.warmup_steps / n))

    def _span(self) -> int:
        return 5 * self.warmup_steps
