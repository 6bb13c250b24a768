"""Scalars of a step: powers by repeated squaring, and an exp of our own, against mpmath-like truth."""

import math
import random
from collections.abc import Callable
from fractions import Fraction

import pytest

from fastopt.numerics.powers import (
    exp,
    exp_in_python,
    log,
    power,
    power_in_python,
    real_power,
    real_power_in_python,
)
from fastopt.runtime.extension import native

BETAS = [0.0, 1e-12, 0.5, 0.9, 0.999, 0.999999, 1 - 2**-53]
EXPONENTS = [1, 2, 3, 10, 1000, 2**24 - 1, 2**24 + 1, 2**31, 10**12, 2**53]


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("t", EXPONENTS)
def test_native_power_has_the_bits_of_the_python_one(beta: float, t: int) -> None:
    assert native is not None
    assert native.power(beta, t) == power_in_python(beta, t)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("t", [1, 2, 3, 10, 1000])
def test_power_is_accurate(beta: float, t: int) -> None:
    exact = Fraction(beta) ** t
    # A rounding for each squaring and each product, and each squaring doubles what came before:
    # below t units in the last place.
    assert abs(Fraction(power(beta, t)) - exact) <= exact * t * Fraction(1, 2**53) + Fraction(5e-324)


@pytest.mark.parametrize("x", [0.0, -1e-300, -1e-9, -0.04, -0.3465, -0.3467, -1.0, -17.3, -700.0, 3.0])
def test_exp_is_accurate(x: float) -> None:
    # Two units: the last place of the series and of the reduction. libm's exp is within one.
    assert exp(x) == pytest.approx(math.exp(x), rel=2 * 2**-52, abs=0)


def test_native_exp_has_the_bits_of_the_python_one() -> None:
    assert native is not None
    rng = random.Random(0)
    numbers = [rng.uniform(-750.0, 709.0) for _ in range(2000)]
    numbers += [rng.uniform(-1.0, 1.0) * 10.0**-k for k in range(300)]
    for x in [*numbers, 0.0, -0.0, -745.0, -744.9, math.nextafter(709.0, 0.0), -math.inf]:
        assert native.exp(x) == exp_in_python(x), x


@pytest.mark.parametrize("either", [exp, exp_in_python])
@pytest.mark.parametrize("x", [709.0, math.inf, math.nan])
def test_exp_refuses_what_it_cannot_compute(either: Callable[[float], float], x: float) -> None:
    with pytest.raises(OverflowError, match="a number below 709"):
        either(x)


def test_exp_of_very_negative_numbers_is_zero() -> None:
    assert exp(-745.2) == exp(-1e9) == 0.0


LOGS = [5e-324, 1e-300, 1e-9, 0.1, 0.707, 0.7072, 0.999999, 1.0, 1.000001, 1.4142, 2.0, 3.0, 1e9, 1e308]


@pytest.mark.parametrize("x", LOGS)
def test_log_is_accurate(x: float) -> None:
    # As of exp: two units.
    assert log(x) == pytest.approx(math.log(x), rel=2 * 2**-52, abs=0)


@pytest.mark.parametrize("base", [1e-9, 0.0025, 0.3, 1.0, 2.0, 17.0, 2**24 + 1, 10**12])
@pytest.mark.parametrize("exponent", [0.0, 0.05, 0.5, 1.0, 1.5, 2.0, 3.75, 16.0])
def test_real_power_is_accurate(base: float, exponent: float) -> None:
    # Fifteen roundings of the whole part; below the point, two of a logarithm that is at most 28, and
    # those of exp.
    assert real_power(base, exponent) == pytest.approx(base**exponent, rel=64 * 2**-52, abs=0)


def test_native_real_power_has_the_bits_of_the_python_one() -> None:
    assert native is not None
    rng = random.Random(0)
    for _ in range(3000):
        base, exponent = 10.0 ** rng.uniform(-12.0, 12.0), rng.uniform(0.0, 16.0)
        found = native.real_power(base, exponent)
        assert found == real_power_in_python(base, exponent), (base, exponent)


def test_real_powers_of_zero() -> None:
    assert [real_power(0.0, y) for y in (0.0, 0.5, 1.0, 1.5, 2.0)] == [1.0, 0.0, 0.0, 0.0, 0.0]
