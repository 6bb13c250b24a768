"""Schedule: a value that is a function of the step alone."""

import numbers
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import is_shipped
from fastopt.numerics import is_recorded
from fastopt.runtime import whole
from fastopt.schedules import registry

LAST = 2**53  # up to which doubles hold every whole number
DRAWN = 2000  # points of a curve at most


class Schedule:
    """A value for every step: ``schedule(step)``. The base of every schedule.

    The step is the number of steps taken before, 0, 1, 2, ..., as torch's epoch and optax's count. The
    value is computed from it alone, in double and by a closed form, so that training that is resumed
    goes on with the same bits. Beyond its length a schedule stays where it is, or says what it does.

    Schedules cannot be changed, and are equal when they are the same kind with the same arguments;
    `repr` is the call that makes one. ``schedule * 0.1`` is the schedule whose values are multiplied.

    A subclass is a frozen dataclass that defines `_at`; `from_config` finds it by its name. A field
    annotated with a check, ``Annotated[float, check]``, holds ``check(value, where)``.
    """

    name: ClassVar[str] = ""  # in configurations
    stateful: ClassVar[bool] = False  # whether the value depends on more than the step
    __array_ufunc__ = None  # a NumPy number times a schedule is a schedule

    def __init_subclass__(cls, *, name: str = "", **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.name = name or cls.__name__
        registry.register(cls)

    def __post_init__(self) -> None:
        for key, field in registry.arguments(type(self)).items():
            for check in getattr(field.type, "__metadata__", ()):
                value = check(getattr(self, key), f"{key} of {self.name}")
                object.__setattr__(self, key, value)

    @property
    def is_recordable(self) -> bool:
        """True where the value is arithmetic on the step alone, which the extension can do too."""
        given = [getattr(self, key) for key in registry.arguments(type(self))]
        parts = [x for each in given for x in (each if isinstance(each, tuple) else (each,))]
        nested = [each.is_recordable for each in parts if isinstance(each, Schedule)]
        return is_shipped(type(self)) and not self.stateful and all(nested)

    def __call__(self, step: int) -> float:
        """Return the value for a step: the number of steps taken before, a whole number >= 0."""
        if type(step) is not int or not 0 <= step <= LAST:
            step = step if is_recorded(step) else whole(step, "step", 0, LAST)
        return self._at(step)

    def _at(self, step: int) -> float:
        """Return the value for a step that has been checked."""
        raise NotImplementedError(f"{self.name} has to define _at(self, step)")

    def _length(self) -> int | None:
        """Return the step from which the value stays as it is; None where it goes on, or is unknown."""
        return None

    def _span(self) -> int:
        """Return how many steps a picture shows by default."""
        return self._length() or 1000

    def values(self, n: int) -> NDArray[np.float64]:
        """Return the values for the first n steps: float64, of shape (n,)."""
        n = whole(n, "n", 0, LAST)
        return np.fromiter(map(self._at, range(n)), np.float64, n)

    def get_config(self) -> dict[str, Any]:
        """Return name and arguments as JSON can hold them; `from_config` makes the schedule again."""
        given = {key: _plain(getattr(self, key)) for key in registry.arguments(type(self))}
        return {"schedule": self.name, **given}

    def plot(self, steps: int | None = None, ax: Any = None) -> Any:
        """Draw value against step, with matplotlib.

        Parameters
        ----------
        steps : int >= 1, optional
            The last step that is shown; the whole schedule unless given.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given. The curve has `repr` as its label.

        Returns
        -------
        Axes
        """
        last = self._span() if steps is None else whole(steps, "steps", 1, LAST)
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(layout="constrained")[1]
            ax.set_title(repr(self), fontsize="small", wrap=True)
        shown = [*range(0, last, -(-last // DRAWN)), last]
        ax.plot(shown, [self._at(step) for step in shown], label=repr(self))
        ax.set_xlabel("step")
        ax.set_ylabel("value")
        ax.grid(color="0.85")
        return ax

    def __mul__(self, factor: Any) -> "Schedule":
        is_number = isinstance(factor, numbers.Real)
        return registry.SCHEDULES["scaled"](self, factor) if is_number else NotImplemented

    __rmul__ = __mul__


def _plain(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.get_config()
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
