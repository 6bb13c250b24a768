"""Tapes: how the scalars of a group's step are computed, recorded for the extension to do it again.

What an algorithm computes from hyperparameters and the number of the step is a little arithmetic, and
Python takes longer for it than a small step takes. So it is recorded while Python does it, and done in
the extension from then on, until a comparison comes out otherwise or what is no number changes.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastopt.algorithm import StageScalars, Values, is_moderate
from fastopt.numerics import NotRecordedError, Recorded, Recording
from fastopt.runtime import native

LONGEST_PAUSE = 256  # in steps
Compute = Callable[..., tuple[StageScalars, Any]]  # of (h, step, t) or (h, step, t, carried)


class Recordings(NamedTuple):
    """The step from which there may be another recording: the sooner they come, the later it is."""

    next: int = 0
    pause: int = 0

    def after(self, step: int) -> "Recordings":
        """Return what holds after a recording at a step."""
        soon = step - self.next <= self.pause
        pause = min(max(2 * self.pause, 1), LONGEST_PAUSE) if soon else 1
        return Recordings(step + pause, pause)


def blank_tape() -> Any:
    """Return a tape that fails, as long as nothing is recorded; None without the extension."""
    return native and native.ScalarTape()


def recorded(values: Values, step: int, t: int, carried: Mapping[str, float], compute: Compute) -> Any:
    """Record `compute` at a step; return a blank tape where that cannot be done at this step."""
    assert native is not None
    recording = Recording()
    h = Values(**{name: _given(recording, value) for name, value in vars(values).items()})
    numbers = recording.given(step), recording.given(t)
    scalars = [Values(**{name: recording.given(x) for name, x in carried.items()})] if carried else []
    try:
        stage, coefficients = compute(h, *numbers, *scalars)
        after = [vars(each)[name] for each in scalars for name in carried]
        results = [recording.place(x) for x in (*stage[1:], *coefficients, *after)]
        steps = recording.constants, recording.operations
        return native.ScalarTape(vars(values), list(carried), *steps, stage[0], results)
    # Where Python raises too, it says why in the step. No others: a handler of signals may raise.
    except (NotRecordedError, ArithmeticError, TypeError, ValueError):
        return blank_tape()


def as_checked(value: Any) -> Any:
    """Return a value of a schedule; one that is not moderate is recorded as the number that it is."""
    if type(value) is tuple:
        return tuple([as_checked(each) for each in value])
    return value.fixed() if type(value) is Recorded and not is_moderate(value) else value


def _given(recording: Recording, value: Any) -> Any:
    """Make recorded numbers of the floats of a hyperparameter."""
    if type(value) is float:
        return recording.given(value)
    if type(value) is tuple and all([type(each) is float for each in value]):
        return tuple([recording.given(each) for each in value])
    return value
