"""Arithmetic that is recorded, and done again by the extension, gives the bits of Python."""

import math
import operator
import random
from collections.abc import Callable
from typing import Any

import pytest

from fastopt.numerics import (
    OPERATIONS,
    NotRecordedError,
    Recorded,
    Recording,
    cos,
    exp,
    power,
    real_power,
    sqrt,
)
from fastopt.runtime.extension import native

pytestmark = pytest.mark.skipif(native is None, reason="there is no extension to do it again")

WIDTH = 9  # scalars of a stage, which come first among results


class Again:
    """A function recorded at some numbers, done again by the extension at others."""

    def __init__(self, function: Callable[..., Any], *numbers: float) -> None:
        recording = Recording()
        given = [recording.given(x) for x in numbers]
        found = function(*given)
        self.value = found.value if type(found) is Recorded else found
        place = recording.place(found)
        assert native is not None
        floats = {str(k): 0.5 for k in range(len(numbers) - 2)}
        self.tape = native.ScalarTape(
            floats, [], recording.constants, recording.operations, 0, [place] * WIDTH
        )

    def __call__(self, *numbers: float) -> float | None:
        found = self.tape.replay(list(map(float, numbers)))
        return None if found is None else found[0]


def same(a: float | None, b: float) -> bool:
    """Whether they have the same bits, the sign of zero among them."""
    return a is not None and (a == b or a != a != b) and math.copysign(1.0, a) == math.copysign(1.0, b)


DOUBLES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    -2.5,
    3.0,
    1e-300,
    1e300,
    -1e300,
    5e-324,
    0.9,
    0.999,
    700.0,
    -746.0,
]
DRAWN = random.Random(1)
DOUBLES += [DRAWN.uniform(-10.0, 10.0) for _ in range(20)]
WHOLE = [0, 1, 2, 3, 7, 10, 1000, 2**31, 2**31 + 1, 2**52 + 1, 2**53 - 1]

OF_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "raise": operator.pow,
    "real_power": real_power,
    "less": lambda a, b: 1.5 if a < b else 2.5,
    "greater": lambda a, b: 1.5 if a > b else 2.5,
    "less_equal": lambda a, b: 1.5 if a <= b else 2.5,
    "greater_equal": lambda a, b: 1.5 if a >= b else 2.5,
    "equal": lambda a, b: 1.5 if a == b else 2.5,
    "not equal": lambda a, b: 1.5 if a != b else 2.5,
    "smaller": min,
    "larger": max,
    "truth": lambda a, b: a if a else b,
    "two zeros": lambda a, b: (a + 0.0) * -0.0 + b * -0.0,
    "with constants": lambda a, b: 2.0 - (1.0 + a) * 3 / (0.25 + b * b) - 1 + a,
}
OF_ONE: dict[str, Callable[[Any], Any]] = {
    "negate": operator.neg,
    "absolute": abs,
    "square_root": sqrt,
    "cosine": cos,
    "exponential": exp,
    "first power": lambda a: a**1.0,
    "two to the power": lambda a: 2.0**a,
}
OF_WHOLE: dict[str, Callable[[Any, Any], Any]] = {
    "floor_divide": lambda a, b: (a - 5) // b,
    "modulo": lambda a, b: (a - 5) % b,
    "both": lambda a, b: divmod(a, b)[0] - 3 * divmod(a, b)[1],
    "rounded up": lambda a, b: -(-a // b),
    "divide": operator.truediv,
    "no zero of another sign": lambda a, b: 1.5 / (a * 0 * -1 + b),
    "minus": lambda a, b: 1.0 * -(a - a),
    "power": lambda a, b: power(0.999, a),
    "real_power": lambda a, b: real_power(a, 0.75),
}


def check(function: Callable[..., Any], *numbers: float) -> bool:
    """Look whether it gives what Python does when it is done again; say whether it was recorded."""
    try:
        expected = function(*numbers)
    except (ArithmeticError, ValueError):
        with pytest.raises((ArithmeticError, ValueError)):
            Again(function, *numbers)
        return False
    try:
        again = Again(function, *numbers)
    except NotRecordedError:
        return False
    assert same(float(again.value), float(expected))
    found = again(*numbers)
    assert found is None or same(found, float(expected)), (numbers, found, expected)
    return found is not None


@pytest.mark.parametrize("name", OF_TWO)
def test_operations_on_two_numbers(name: str) -> None:
    done = [check(OF_TWO[name], a, b) for a in DOUBLES for b in DOUBLES]
    positive = sum([a > 0 and b > 0 for a in DOUBLES for b in DOUBLES])
    assert sum(done) >= (positive // 2 if name in ("raise", "real_power") else 0.9 * len(done))


@pytest.mark.parametrize("name", OF_ONE)
def test_operations_on_a_number(name: str) -> None:
    done = [check(lambda a, _: OF_ONE[name](a), a, 1.0) for a in DOUBLES]
    assert sum(done) >= 0.5 * len(done)


@pytest.mark.parametrize("name", OF_WHOLE)
def test_operations_on_whole_numbers(name: str) -> None:
    pairs = [(a, b) for a in WHOLE for b in WHOLE if b > 0]
    done = [check(OF_WHOLE[name], a, b) for a, b in pairs]
    assert sum(done) >= (0.5 if name == "both" else 0.9) * len(done)


def test_all_operations_are_in_these_tests() -> None:
    tried = {*OF_TWO, *OF_ONE, *OF_WHOLE}
    assert tried >= set(OPERATIONS) - {"whole"}  # which each operation on whole numbers ends with


def test_what_is_recorded_holds_for_other_numbers_as_long_as_comparisons_come_out_alike() -> None:
    def function(a: Any, b: Any) -> Any:
        return a * b + 1.0 if a < b else a - b

    again = Again(function, 1.0, 2.0)
    for a, b in [(0.1, 0.3), (-7.0, 1e300), (2.0, math.nextafter(2.0, 3.0))]:
        assert again(a, b) == function(a, b)
    for a, b in [(2.0, 2.0), (3.0, 1.0), (math.nan, 1.0)]:
        assert again(a, b) is None


@pytest.mark.parametrize(
    ("function", "fine", "wrong"),
    [
        (lambda a, b: a / b, (1.0, 2.0), [(1.0, 0.0), (0.0, -0.0)]),
        (lambda a, b: sqrt(a), (1.0, 2.0), [(-1.0, 0.0), (math.nan, 0.0)]),
        (lambda a, b: cos(a), (1.0, 2.0), [(math.inf, 0.0), (math.nan, 0.0)]),
        (lambda a, b: exp(a), (1.0, 2.0), [(709.0, 0.0), (math.nan, 0.0)]),
        (lambda a, b: a**b, (1.5, 2.0), [(0.0, -1.0), (-1.0, 0.5), (1e300, 2.0), (math.nan, 1.0)]),
        (lambda a, b: power(a, b), (0.9, 3), [(0.9, -1.0), (0.9, math.nan)]),
        (lambda a, b: real_power(a, b), (0.9, 3.0), [(-0.9, 1.0), (0.9, -1.0), (math.nan, 1.0)]),
        (lambda a, b: (a + b) * 1.0, (3, 4), [(2**53, 2**53), (2**53, 2), (-(2**53), -2)]),
    ],
)
def test_what_python_would_raise_for_is_left_to_python(
    function: Callable[..., Any], fine: tuple[float, float], wrong: list[tuple[float, float]]
) -> None:
    again = Again(function, *fine)
    assert again(*fine) == function(*fine)
    for numbers in wrong:
        assert again(*numbers) is None, numbers


@pytest.mark.parametrize(
    "function",
    [
        float,
        int,
        math.sqrt,
        round,
        math.floor,
        lambda a: [1, 2, 3][a],
        lambda a: a + 2**53 + 1,
        lambda a: a + 1j,
        lambda a: a + "1",
        lambda a: 7.5 // a,
        lambda a: a // 0.5,
        lambda a: a % -3,
        lambda a: (-1.0) ** (a / 2),
        lambda a: f"{a:g}",
    ],
)
def test_what_cannot_be_recorded_is_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises((NotRecordedError, TypeError)):
        Again(lambda a, _: function(a), 1, 1)


def test_fixed_numbers_have_to_be_the_same_again() -> None:
    again = Again(lambda a, b: a.fixed() * b, 0.0, 2.0)
    assert again(0.0, 3.0) == 0.0
    assert again(1e-300, 3.0) is None
    with pytest.raises(NotRecordedError):
        Again(lambda a, b: a.fixed(), math.nan, 1.0)


@pytest.mark.parametrize(
    ("constants", "steps", "results", "message"),
    [
        ([(1, 0.5)], [], [0] * WIDTH, "is taken"),
        ([(9, 0.5)], [], [0] * WIDTH, "is taken"),
        ([], [(0, 2, True, 0, 3)], [2] * WIDTH, "has not been computed"),
        ([], [(0, 2, True, 2, 0)], [2] * WIDTH, "has not been computed"),
        ([], [(0, 1, True, 0, 0)], [1] * WIDTH, "is taken"),
        ([], [(len(OPERATIONS), 2, True, 0, 0)], [2] * WIDTH, "no operation"),
        ([], [], [2] * WIDTH, "no place"),
        ([], [], [0] * (WIDTH - 1), "too few results"),
        ([], [], [0] * (WIDTH + 33), "too many coefficients"),
    ],
)
def test_tapes_that_make_no_sense_are_refused(
    constants: Any, steps: Any, results: list[int], message: str
) -> None:
    assert native is not None
    with pytest.raises(ValueError, match=message):
        native.ScalarTape({}, [], constants, steps, 0, results)


def test_replay_needs_the_numbers_that_were_given() -> None:
    with pytest.raises(ValueError, match="as many numbers"):
        Again(operator.add, 1.0, 2.0).tape.replay([1.0])
    assert native is not None
    with pytest.raises(ValueError, match="as many numbers"):
        native.ScalarTape().replay([])
