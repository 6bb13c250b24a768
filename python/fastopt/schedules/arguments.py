"""The arguments of schedules: each a type for type checkers and the check of a value."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np

from fastopt.algorithm import choice, flag, number
from fastopt.runtime import describe, whole


def at_least(smallest: int) -> Callable[[Any, str], int]:
    """Make the check of a whole number."""
    return lambda value, where: whole(value, where, smallest)


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    check = number(default=0.0).check
    return tuple(check(each, f"entry {i} of {where}") for i, each in enumerate(_listed(value, where)))


def _milestones(value: Any, where: str) -> tuple[int, ...]:
    listed = _listed(value, where)
    found = tuple(whole(each, f"entry {i} of {where}", 1) for i, each in enumerate(listed))
    if not found:
        raise ValueError(f"{where} is empty; it must have one step or more, such as [30, 60]")
    if any(first >= second for first, second in pairwise(found)):
        raise ValueError(f"{where} are {list(found)}; each must be later than the one before")
    return found


def _listed(value: Any, where: str) -> Sequence[Any]:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{where} is {describe(value)}; it must be a list")
    return value


Value = Annotated[float, number(default=0.0).check]
OptionalValue = Annotated[float | None, number(default=None, optional=True).check]
Positive = Annotated[float, number(default=1.0, above=0.0).check]
NotNegative = Annotated[float, number(default=0.0, at_least=0.0).check]
BelowOne = Annotated[float, number(default=0.0, at_least=0.0, below=1.0).check]
Part = Annotated[float, number(default=0.5, above=0.0, below=1.0).check]
Flag = Annotated[bool, flag(default=False).check]
Steps = Annotated[int, at_least(1)]
OptionalSteps = Annotated[
    int | None, lambda value, where: None if value is None else whole(value, where, 1)
]
Count = Annotated[int, at_least(0)]
Values = Annotated[Sequence[float], _numbers]
Milestones = Annotated[Sequence[int], _milestones]
Shape = Annotated[Literal["linear", "cosine"], choice("linear", "cosine", default="linear").check]
