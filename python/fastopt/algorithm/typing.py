"""Types of numbers for type checkers: read, a float; given, also a function of the step."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    Read = TypeVar("Read", covariant=True)
    Written = TypeVar("Written", contravariant=True)

    class Attribute(Generic[Read, Written]):
        """An attribute that is written as another type than it is read."""

        def __get__(self, instance: object, owner: object = None) -> Read: ...
        def __set__(self, instance: object, value: Written) -> None: ...

    Given = float | Callable[[int], float]
    Scheduled = Attribute[float, Given]
    ScheduledOrNone = Attribute[float | None, float | Callable[[int], float | None] | None]
    ScheduledPair = Attribute[tuple[float, float], tuple[Given, Given]]
    ScheduledNumbers = Attribute[tuple[float, ...], tuple[Given, ...]]
else:
    Scheduled, ScheduledOrNone = float, float | None
    ScheduledPair, ScheduledNumbers = tuple[float, float], tuple[float, ...]
