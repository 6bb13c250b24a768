"""Validators: what a value can be, whether it is an option of an optimizer or an argument.

``POSITIVE.check(value, "rho")`` returns the value as it is stored, or raises TypeError or ValueError.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastopt.numerics import Recorded
from fastopt.runtime import describe, real, whole

COUNTS = ("no", "one", "two", "three", "four", "five")


class Validator:
    """The values that something can have: any, where it is checked elsewhere."""

    def words(self) -> str:
        """Put in words what a value must be."""
        return ""

    def holds(self, number: Any) -> bool:
        """Return whether a float, or a recorded number, is one of them without being looked at more."""
        return False

    def check(self, value: Any, where: str) -> Any:
        """Return the value as it is stored; raise TypeError or ValueError for one that cannot be."""
        return value

    def accept(self, value: Any, where: str) -> Any:
        """Do the same for what can also be a function of the step, where there are such values."""
        return self.check(value, where)

    def at(self, kept: Any, step: int, where: str) -> Any:
        """Return the value at a step of what `accept` returned, checked."""
        return kept


class Number(Validator):
    """A finite real number in a range, or a whole one; None too, if it is optional."""

    def __init__(
        self,
        *,
        at_least: float = -math.inf,
        above: float = -math.inf,
        at_most: float = math.inf,
        below: float = math.inf,
        optional: bool = False,
        whole: bool = False,
    ) -> None:
        self.at_least, self.above, self.at_most, self.below = at_least, above, at_most, below
        self.optional, self.whole = optional, whole

    def check(self, value: Any, where: str) -> Any:
        """Return it as a float, or None; any library's numbers are taken by their value."""
        if (type(value) is float or type(value) is Recorded) and self.holds(value):  # mostly
            return value
        if value is None and self.optional:
            return None
        number = real(value)
        if number is None:
            raise TypeError(f"{where} is {describe(value)}; it must be {self.words()}")
        if not self.holds(number):
            words = self.words().replace("a number", "a finite number", 1)
            raise ValueError(f"{where} is {number!r}; it must be {words}")
        return number

    def holds(self, number: Any) -> bool:
        """Return whether a float, or a recorded number, is finite and in the range."""
        inside = self.at_least <= number <= self.at_most and self.above < number < self.below
        return bool(inside and abs(number) < math.inf and not (self.whole and number % 1))

    def accept(self, value: Any, where: str) -> Any:
        """Return it as a float, None, or a function of the step."""
        return value if is_function(value) else self.check(value, where)

    def at(self, kept: Any, step: int, where: str) -> Any:
        """Call the function, if it is one, and check what it returns."""
        if not callable(kept):
            return kept
        value = kept(step)
        if (type(value) is float or type(value) is Recorded) and self.holds(value):
            return value
        return self.check(value, f"{where} at step {step}")

    def words(self) -> str:
        """Put in words what a value must be."""
        return f"a {'whole ' * self.whole}number{self.range()}{', or None' if self.optional else ''}"

    def range(self) -> str:
        """Put the range in words."""
        limits = {">=": self.at_least, ">": self.above, "<=": self.at_most, "<": self.below}
        words = [f"{word} {limit:g}" for word, limit in limits.items() if math.isfinite(limit)]
        return " " + " and ".join(words) if words else ""


class Measurement(Number):
    """A number that follows from gradients, and is infinite or NaN where they are."""

    def holds(self, number: Any) -> bool:
        """Return whether it is in the range, or NaN."""
        return bool(number != number or self.at_least <= number)


class LossScaleNumber(Number):
    """A number, or "dynamic"."""

    def check(self, value: Any, where: str) -> Any:
        """Return it as a float, or the word."""
        if isinstance(value, str):
            if value != "dynamic":
                raise ValueError(f"{where} is {value!r}; it must be a number > 0 or 'dynamic'")
            return value
        return super().check(value, where)


class ScheduledNumber(Number):
    """A number, or a function of the step, whose values are checked by the step."""

    def check(self, value: Any, where: str) -> Any:
        """Return it as a float, None, or a function."""
        return value if is_function(value) else super().check(value, where)


class Several(Validator):
    """Some numbers in one range, from `fewest` to `most` of them."""

    def __init__(self, each: Number, fewest: int, most: int) -> None:
        self.each, self.fewest, self.most = each, fewest, most

    def holds(self, value: Any) -> bool:
        """Return whether it is a tuple of floats in the range."""
        fits = type(value) is tuple and self.fewest <= len(value) <= self.most
        return fits and all([self.each.holds(x) for x in value])

    def check(self, value: Any, where: str) -> tuple[float, ...]:
        """Return it as a tuple of floats."""
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"{where} is {describe(value)}; it must be {self.words()}")
        if not self.fewest <= len(value) <= self.most:
            wanted = f"{self._count()} numbers{self._remedy(value, where)}"
            raise ValueError(f"{where} has {len(value)} entries; it must be {wanted}")
        return tuple([self.each.check(x, _entry(where, i)) for i, x in enumerate(value)])

    def accept(self, value: Any, where: str) -> Any:
        """Return a tuple in which each can be a function of the step."""
        some = isinstance(value, (tuple, list)) and self.fewest <= len(value) <= self.most
        if not (some and any(map(is_function, value))):
            return self.check(value, where)
        return tuple(self.each.accept(x, _entry(where, i)) for i, x in enumerate(value))

    def at(self, kept: Any, step: int, where: str) -> Any:
        """Call the functions in it, and check what they return."""
        if not is_scheduled(kept):
            return kept
        return tuple(self.each.at(x, step, _entry(where, i)) for i, x in enumerate(kept))

    def words(self) -> str:
        """Put in words what a value must be."""
        return f"{self._count()} numbers{self.each.range()}"

    def _remedy(self, value: Any, where: str) -> str:
        return ""

    def _count(self) -> str:
        """Put in words how many they are."""
        fewest, most = COUNTS[self.fewest], COUNTS[self.most]
        return fewest if fewest == most else f"{fewest} to {most}"


class Pair(Several):
    """Two numbers in one range; `third` is the option for what others give as a third one."""

    def __init__(self, each: Number, third: str = "") -> None:
        super().__init__(each, 2, 2)
        self.third = third

    def _remedy(self, value: Any, where: str) -> str:
        if not self.third or len(value) != 3:
            return ""
        return f": give {where.partition(' ')[0]}={(*value[:2],)!r}, {self.third}={value[2]!r}"


def _entry(where: str, i: int) -> str:
    """Name an entry of a pair: ``betas[0] of group 1``."""
    name, space, rest = where.partition(" ")
    return f"{name}[{i}]{space}{rest}"


class Choice(Validator):
    """One of a few values: True, False, or words; None too, if it is optional."""

    def __init__(self, *values: bool | str, optional: bool = False) -> None:
        self.values = (*values, None) if optional else values

    def check(self, value: Any, where: str) -> Any:
        """Return it as a bool or a string."""
        if isinstance(value, np.bool_):
            value = bool(value)
        if type(value) not in map(type, self.values):  # 1 is equal to True, and is not a choice
            raise TypeError(f"{where} is {describe(value)}; it must be {self.words()}")
        if value not in self.values:
            raise ValueError(f"{where} is {value!r}; it must be {self.words()}")
        return value

    def words(self) -> str:
        """Put in words what a value must be."""
        *first, last = map(repr, self.values)
        return f"{', '.join(first)} or {last}"


class Count(Validator):
    """A whole number; None too, if it is optional."""

    def __init__(self, *, at_least: int, at_most: int | None = None, optional: bool = False) -> None:
        self.at_least, self.at_most, self.optional = at_least, at_most, optional

    def check(self, value: Any, where: str) -> Any:
        """Return it as an int, or None."""
        if value is None and self.optional:
            return None
        return whole(value, where, self.at_least, self.at_most)


class StateDtype(Validator):
    """A word for what states are stored in, or one for each of some states."""

    words_of_it = ("float32", "bfloat16", "8bit")

    def check(self, value: Any, where: str) -> Any:
        """Return it as a string, or as a dict by the names of states."""
        if isinstance(value, Mapping):
            return {name: self._word(each, f"{where}[{name!r}]") for name, each in value.items()}
        return self._word(value, where)

    def _word(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{where} is {describe(value)}; it must be {self.words()}")
        if value not in self.words_of_it:
            raise ValueError(f"{where} is {value!r}; it must be {self.words()}")
        return value

    def words(self) -> str:
        """Put in words what a value must be."""
        *first, last = map(repr, self.words_of_it)
        return f"{', '.join(first)} or {last}"


ANYTHING = Validator()
FLAG = Choice(True, False)
POSITIVE = Number(above=0.0)
NOT_NEGATIVE = Number(at_least=0.0)


def is_function(value: Any) -> bool:
    """Return whether it can be asked for a value at each step."""
    return callable(value) and not isinstance(value, type)


def is_scheduled(kept: Any) -> bool:
    """Return whether what `accept` returned changes with the step."""
    return callable(kept) or (isinstance(kept, tuple) and any(map(callable, kept)))
