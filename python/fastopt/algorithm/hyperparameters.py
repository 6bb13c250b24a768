"""How an optimizer class declares its hyperparameters, and what a value must be.

A declaration is a class attribute, ``lr: float = number(default=1e-3, at_least=0)``. It makes a keyword
of the constructor, a checked entry of every group, and a property that reads and writes all groups.
"""

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from fastopt.runtime.arguments import describe


class Hyper:
    """One hyperparameter: its default and the values it can have."""

    def __init__(self, default: Any) -> None:
        self.default = default
        self.name = ""
        self.initial = False  # whether it says what state begins with, and nothing after

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._read(self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        instance._write(self.name, value)

    def check(self, value: Any, where: str) -> Any:
        """Return the value as it is stored; raise TypeError or ValueError for one that cannot be."""
        raise NotImplementedError  # pragma: no cover - every kind of hyperparameter has its own

    def accept(self, value: Any, where: str) -> Any:
        """Do the same for what can also be a function of the step, where there are such values."""
        return self.check(value, where)

    def at(self, kept: Any, step: int, where: str) -> Any:
        """Give the value of what `accept` returned at a step, checked."""
        return kept


class Number(Hyper):
    """A finite real number in a range; None too, if that is its default."""

    def __init__(
        self,
        default: float | None,
        at_least: float,
        above: float,
        at_most: float,
        below: float,
        optional: bool,
    ) -> None:
        super().__init__(default)
        self.optional = optional
        self.at_least, self.above, self.at_most, self.below = at_least, above, at_most, below

    def check(self, value: Any, where: str) -> float | None:
        """Return it as a float, or None."""
        if value is None and self.optional:
            return None
        if type(value) is np.ndarray and value.ndim == 0:  # no subclass: it may be masked
            value = value.item()
        # NumPy has durations among its integers.
        if isinstance(value, (bool, np.bool_, np.timedelta64)) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{where} is {describe(value)}; it must be a number{self.range()}{self._or_none()}"
            )
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        inside = self.at_least <= number <= self.at_most and self.above < number < self.below
        if not math.isfinite(number) or not inside:
            raise ValueError(
                f"{where} is {number!r}; it must be a finite number{self.range()}{self._or_none()}"
            )
        return number

    def accept(self, value: Any, where: str) -> Any:
        """Return it as a float, None, or a function of the step."""
        return value if is_function(value) else self.check(value, where)

    def at(self, kept: Any, step: int, where: str) -> Any:
        """Ask the function, if it is one, and check what it gives."""
        return self.check(kept(step), f"{where} at step {step}") if callable(kept) else kept

    def _or_none(self) -> str:
        return ", or None" if self.optional else ""

    def range(self) -> str:
        """Put the range in words, for messages."""
        limits = {">=": self.at_least, ">": self.above, "<=": self.at_most, "<": self.below}
        words = [f"{word} {limit:g}" for word, limit in limits.items() if math.isfinite(limit)]
        return " " + " and ".join(words) if words else ""


class Pair(Hyper):
    """Two numbers in one range."""

    def __init__(self, default: tuple[float, float], each: Number) -> None:
        super().__init__(default)
        self.each = each

    def check(self, value: Any, where: str) -> tuple[float, float]:
        """Return it as a tuple of floats."""
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"{where} is {describe(value)}; it must be two numbers{self.each.range()}")
        if len(value) != 2:
            raise ValueError(f"{where} has {len(value)} entries; it must be two numbers")
        first, second = (self.each.check(x, _entry(where, i)) for i, x in enumerate(value))
        assert first is not None
        assert second is not None
        return first, second

    def accept(self, value: Any, where: str) -> Any:
        """Return a tuple in which each can be a function of the step."""
        if not (isinstance(value, (tuple, list)) and len(value) == 2 and any(map(is_function, value))):
            return self.check(value, where)
        return tuple(self.each.accept(x, _entry(where, i)) for i, x in enumerate(value))

    def at(self, kept: Any, step: int, where: str) -> Any:
        """Ask the functions among them, and check what they give."""
        if not is_scheduled(kept):
            return kept
        return tuple(self.each.at(x, step, _entry(where, i)) for i, x in enumerate(kept))


def _entry(where: str, i: int) -> str:
    """Name an entry of a pair: ``betas[0] of group 1``."""
    name, space, rest = where.partition(" ")
    return f"{name}[{i}]{space}{rest}"


class Choice(Hyper):
    """One of a few values: True, False, or words."""

    def __init__(self, default: bool | str, values: tuple[bool | str, ...]) -> None:
        super().__init__(default)
        self.values = values

    def check(self, value: Any, where: str) -> bool | str:
        """Return it as a bool or a string."""
        if isinstance(value, np.bool_):
            value = bool(value)
        *first, last = map(repr, self.values)
        known = f"{', '.join(first)} or {last}"
        if type(value) not in map(type, self.values):  # 1 is equal to True, and is not a choice
            raise TypeError(f"{where} is {describe(value)}; it must be {known}")
        if value not in self.values:
            raise ValueError(f"{where} is {value!r}; it must be {known}")
        chosen: bool | str = value
        return chosen


class Values:
    """Values under names, as attributes: ``h.lr``."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


def is_function(value: Any) -> bool:
    """Say whether it can be asked for a value at each step."""
    return callable(value) and not isinstance(value, type)


def is_scheduled(kept: Any) -> bool:
    """Say whether what `accept` returned changes with the step."""
    return callable(kept) or (isinstance(kept, tuple) and any(map(callable, kept)))


def number(
    *,
    default: float | None,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
    initial: bool = False,
    optional: bool = False,
) -> Any:
    """Declare a number.

    `initial` if it says what state begins with, and nothing after; `optional` if it may be None.
    """
    found = Number(default, at_least, above, at_most, below, optional)
    found.initial = initial
    return found


def pair(*, default: tuple[float, float], at_least: float = 0.0, below: float = math.inf) -> Any:
    """Declare a pair of numbers, such as betas."""
    return Pair(default, Number(math.nan, at_least, -math.inf, math.inf, below, False))


def flag(*, default: bool) -> Any:
    """Declare a switch: True or False."""
    return Choice(default, (True, False))


def choice(*values: bool | str, default: bool | str) -> Any:
    """Declare a choice between a few values: words, True and False."""
    return Choice(default, values)


def given(*, kw_only: bool) -> Any:
    """Declare an argument of the constructor that is no hyperparameter, for type checkers alone."""
