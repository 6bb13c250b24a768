"""Declarations of the options that a class of optimizers has, and of what they can be.

A declaration is a class attribute, ``lr: float = number(default=1e-3, at_least=0)``. It makes a keyword
of the constructor, a checked entry of every group, and a property that reads and writes all groups.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, dataclass_transform

from fastopt.algorithm.validators import (
    FLAG,
    Choice,
    Count,
    Measurement,
    Number,
    Pair,
    Several,
    Validator,
)


class Option:
    """A keyword of the constructor: its default, the values it can have, and whose it is.

    The scope is "group" for a hyperparameter, of which each group has its own value; "optimizer" for a
    setting of all groups alike, "fixed" where it cannot change; "constructor" for what is given once.
    """

    def __init__(
        self,
        default: Any,
        validator: Validator,
        scope: str = "group",
        *,
        initial: bool = False,
        once: bool = False,
        needs: tuple[str, str] | None = None,
    ) -> None:
        self.default = default
        self.validator = validator
        self.scope = scope
        self.initial = initial  # whether it says what state begins with, and nothing after
        self.once = once  # whether it is decided when the group is made
        self.needs = needs  # another one, without which it means nothing, and how to ask for that
        self.name = ""
        # Each write looks at all hyperparameters of a group: these calls are not to take longer.
        self.check, self.accept, self.at = validator.check, validator.accept, validator.at

    @property
    def fixed(self) -> bool:
        """Return whether it is decided when an optimizer is made."""
        return self.scope == "fixed"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return instance._read(self)

    def __set__(self, instance: Any, value: Any) -> None:
        if self.fixed:
            raise AttributeError(f"{self.name} is decided when an optimizer is made: make a new one")
        instance._write(self, value)


class Values:
    """Values under names, as attributes: ``h.lr``."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def but(self, changed: Mapping[str, Any]) -> "Values":
        """Return the same with some of them changed, in a fraction of the time that a new one takes."""
        found = Values.__new__(Values)
        found.__dict__ = {**self.__dict__, **changed}
        return found

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


def measurement(default: float = 0.0, at_least: float = 0.0) -> Any:
    """Declare a number that is carried from step to step, and follows from gradients."""
    return Option(default, Measurement(at_least=at_least))


def number(
    *,
    default: float | None,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
    initial: bool = False,
    optional: bool = False,
    whole: bool = False,
) -> Any:
    """Declare a number.

    `initial` if it says what state begins with, and nothing after; `optional` if it may be None;
    `whole` for a count.
    """
    limits = Number(
        at_least=at_least, above=above, at_most=at_most, below=below, optional=optional, whole=whole
    )
    return Option(default, limits, initial=initial)


def pair(
    *,
    default: tuple[float, float],
    at_least: float = 0.0,
    below: float = math.inf,
    third: str = "",
) -> Any:
    """Declare a pair of numbers, such as betas.

    `third`: the option that is the third of them in other libraries.
    """
    return Option(default, Pair(Number(at_least=at_least, below=below), third))


def several(
    *,
    default: tuple[float, ...],
    fewest: int,
    most: int,
    at_least: float = 0.0,
    below: float = math.inf,
) -> Any:
    """Declare some numbers, from `fewest` to `most`, such as three betas."""
    return Option(default, Several(Number(at_least=at_least, below=below), fewest, most))


def flag(*, default: bool) -> Any:
    """Declare a switch: True or False."""
    return Option(default, FLAG)


def choice(*values: bool | str, default: bool | str | None, optional: bool = False) -> Any:
    """Declare a choice between a few values: words, True and False; `optional` if it may be None."""
    return Option(default, Choice(*values, optional=optional))


def whole_number(*, default: int | None, at_least: int, optional: bool = False) -> Any:
    """Declare a whole number; `optional` if it may be None."""
    return Option(default, Count(at_least=at_least, optional=optional))


def once(*, default: Any, check: Validator) -> Any:
    """Declare what is decided when a group is made."""
    return Option(default, check, once=True)


def setting(
    *, default: Any, check: Validator, fixed: bool = False, needs: tuple[str, str] | None = None
) -> Any:
    """Declare a setting; `fixed` if it cannot change.

    `needs`: another setting, without which it means nothing, and how messages ask for that.
    """
    return Option(default, check, "fixed" if fixed else "optimizer", needs=needs)


def given(*, kw_only: bool) -> Any:
    """Declare an argument of the constructor that is no hyperparameter, for type checkers alone."""


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(given, number, pair, several, flag, choice, whole_number, once, setting),
)
class Declared:
    """A class whose declarations are keywords of its constructor, for type checkers."""
