"""Scalars of a step: powers by repeated squaring, and an exp of our own, against mpmath-like truth."""

import math
from fractions import Fraction

import pytest

from fastopt.extension import native
from fastopt.scalars import exp, power, power_in_python

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


def test_exp_of_very_negative_numbers_is_zero() -> None:
    assert exp(-745.2) == exp(-1e9) == 0.0
