"""Arithmetic that is recorded as it happens, for the extension to do again.

A function of numbers is called once with `Recorded` ones. Each operation computes its value, as Python
does, and is written down; each comparison is answered, and the answer written down too. That holds as
long as all comparisons come out as they did: csrc/plan/tape.hpp does the same again, to the bit.
"""

import math
import operator
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

EXACT = 2**53  # up to which doubles hold every whole number

# In the order of csrc/plan/tape.hpp.
OPERATIONS = (
    *("add", "subtract", "multiply", "divide", "floor_divide", "modulo", "negate", "absolute"),
    *("raise", "square_root", "cosine", "exponential", "power", "real_power"),
    *("less", "less_equal", "equal", "whole"),
)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class NotRecordedError(Exception):
    """Raised by an operation that cannot be recorded: Python has to do it each time."""


class Recorded:
    """A number that stands for one which is known later; `value` is what it is this time."""

    __slots__ = ("place", "recording", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, recording: "Recording", value: float, place: int) -> None:
        self.recording, self.value, self.place = recording, value, place

    def fixed(self) -> float:
        """Return the value; what is recorded holds where it is the same again."""
        if not self == self.value:
            raise NotRecordedError
        return self.value

    def __add__(self, other: Any) -> Any:
        return self.recording.do("add", operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self.recording.do("add", operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self.recording.do("subtract", operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.recording.do("subtract", operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return self.recording.do("multiply", operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.recording.do("multiply", operator.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.recording.do("divide", operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.recording.do("divide", operator.truediv, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self.recording.of_whole("floor_divide", operator.floordiv, self, other)

    def __mod__(self, other: Any) -> Any:
        return self.recording.of_whole("modulo", operator.mod, self, other)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __pow__(self, other: Any) -> Any:
        if type(self.value) is type(other) is float and other == 1.0:
            return self
        return self.recording.do("raise", operator.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.recording.do("raise", operator.pow, other, self)

    def __neg__(self) -> Any:
        return self.recording.do("negate", operator.neg, self)

    def __abs__(self) -> Any:
        return self.recording.do("absolute", abs, self)

    def __lt__(self, other: Any) -> Any:
        return self.recording.do("less", operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return self.recording.do("less_equal", operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return self.recording.do("less", operator.lt, other, self)

    def __ge__(self, other: Any) -> Any:
        return self.recording.do("less_equal", operator.le, other, self)

    def __eq__(self, other: Any) -> Any:
        return self.recording.do("equal", operator.eq, self, other)

    def __ne__(self, other: Any) -> Any:
        return not self == other

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __float__(self) -> float:
        raise NotRecordedError

    def __index__(self) -> int:
        raise NotRecordedError

    def __round__(self, digits: int | None = None) -> int:
        raise NotRecordedError


def is_recorded(x: Any) -> bool:
    """Return whether it is a recorded number."""
    return type(x) is Recorded


class Recording:
    """Operations on numbers, each of which has a place: one that is given, a constant, a result.

    Attributes
    ----------
    constants : list of (place, value)
    operations : list of (number in OPERATIONS, place of the result, answer, place, place)
        The answer is that of a comparison; the second operand of those that have one is the first.
    """

    def __init__(self) -> None:
        self._places = 0
        self._known: dict[str, int] = {}
        self.constants: list[tuple[int, float]] = []
        self.operations: list[tuple[int, int, bool, int, int]] = []

    def given(self, value: float) -> Recorded:
        """Make a number that is given each time, in the order of these calls."""
        return Recorded(self, value, self._next())

    def place(self, x: Any) -> int:
        """Return the place of a number."""
        if type(x) is Recorded:
            return x.place
        if type(x) not in (int, float) or (type(x) is int and abs(x) > EXACT):
            raise NotRecordedError
        key = repr(float(x))  # which tells -0.0 from 0.0
        if key not in self._known:
            self._known[key] = self._next()
            self.constants.append((self._known[key], float(x)))
        return self._known[key]

    def do(self, name: str, function: Callable[..., Any], *operands: Any) -> Any:
        """Do an operation, and write it down; a comparison is answered."""
        first, *rest = map(self.place, operands)
        found = function(*[x.value if type(x) is Recorded else x for x in operands])
        if type(found) not in (bool, int, float):
            raise NotRecordedError
        place, answer = self._next(), found is not False
        second = rest[0] if rest else first
        self.operations.append((OPERATIONS.index(name), place, answer, first, second))
        if type(found) is bool:
            return found
        result = Recorded(self, found, place)
        return self.do("whole", _as_it_is, result) if type(found) is int and name != "whole" else result

    def of_whole(self, name: str, function: Callable[..., Any], a: Any, b: Any) -> Any:
        """Do an operation that is recorded for whole numbers alone, the second of them positive."""
        values = [x.value if type(x) is Recorded else x for x in (a, b)]
        if not all([type(x) is int for x in values]) or values[1] <= 0:
            raise NotRecordedError
        return self.do(name, function, a, b)

    def _next(self) -> int:
        self._places += 1
        return self._places - 1


def _as_it_is(x: int) -> int:
    if abs(x) > EXACT:
        raise NotRecordedError
    return x


def recordable(name: str, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Make of a function, which is an operation, one that can be given recorded numbers too."""

    @wraps(function)
    def call(*given: Arguments.args, **none: Arguments.kwargs) -> Result:
        for x in given:
            if type(x) is Recorded:
                found: Result = x.recording.do(name, function, *given)
                return found
        return function(*given, **none)

    return call


sqrt = recordable("square_root", math.sqrt)
cos = recordable("cosine", math.cos)
