"""Types of numbers for type checkers: read, a float; given, also a function of the step."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Given = float | Callable[[int], float]

    class Scheduled:
        """One number."""

        def __get__(self, instance: object, owner: object = None) -> float: ...
        def __set__(self, instance: object, value: Given) -> None: ...

    class ScheduledOrNone:
        """One number, or None."""

        def __get__(self, instance: object, owner: object = None) -> float | None: ...
        def __set__(self, instance: object, value: Given | None) -> None: ...

    class ScheduledPair:
        """Two numbers."""

        def __get__(self, instance: object, owner: object = None) -> tuple[float, float]: ...
        def __set__(self, instance: object, value: tuple[Given, Given]) -> None: ...
else:
    Scheduled, ScheduledOrNone, ScheduledPair = float, float | None, tuple[float, float]
