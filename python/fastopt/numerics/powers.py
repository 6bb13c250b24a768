"""Scalars of a step, in double and without libm, so that every machine computes the same bits."""

import math
from collections.abc import Callable
from typing import Any

from fastopt.numerics.recording import is_recorded, recordable
from fastopt.runtime import native

_LN2_HIGH = 0.693147180369123816490  # the leading bits: a multiple of it has no rounding error
_LN2_LOW = 1.90821492927058770002e-10
_TERMS = 14  # of the series of exp, enough for |x| <= ln(2) / 2; and of log
_SQRT_HALF = 0.7071067811865476


def power_in_python(base: float, exponent: int) -> float:
    """Return ``base ** exponent`` for an exponent >= 0, by repeated squaring."""
    product = 1.0
    while exponent:
        if exponent & 1:
            product *= base
        base *= base
        exponent >>= 1
    return product


def real_power_in_python(base: float, exponent: float) -> float:
    """Return ``base ** exponent`` for a base and an exponent >= 0; 0 to the power 0 is 1."""
    whole = int(exponent)
    product = power_in_python(float(base), whole)
    if exponent == whole or base == 0.0:
        return product if exponent == whole else 0.0
    return product * exp_in_python((exponent - whole) * log_in_python(base))


def log_in_python(x: float) -> float:
    """Return the natural logarithm of x > 0, from products, sums, quotients and its power of two."""
    fraction, k = math.frexp(x)
    if fraction < _SQRT_HALF:
        fraction, k = 2.0 * fraction, k - 1
    ratio = (fraction - 1.0) / (fraction + 1.0)
    square = ratio * ratio
    series = 0.0  # of the inverse of tanh
    for n in range(_TERMS, 0, -1):
        series = (series + 1.0 / (2 * n + 1)) * square
    return k * _LN2_HIGH + (k * _LN2_LOW + 2.0 * (ratio + ratio * series))


def exp_in_python(x: float) -> float:
    """Return e to the power x, from products, sums and a scaling by a power of two."""
    if x < -745.0:
        return 0.0
    if not x < 709.0:
        raise OverflowError("exp takes a number below 709")
    k = round(x / (_LN2_HIGH + _LN2_LOW))
    rest = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = 1.0
    for n in range(_TERMS, 0, -1):
        series = 1.0 + series * rest / n
    return math.ldexp(series, k)


_power: Callable[[float, int], float] = native.power if native else power_in_python
_exp: Callable[[float], float] = native.exp if native else exp_in_python
_real_power: Callable[[float, float], float] = native.real_power if native else real_power_in_python


def log(x: Any) -> float:
    """Return the natural logarithm of x > 0; what is recorded with it holds for this x alone."""
    return log_in_python(x.fixed() if is_recorded(x) else x)


power = recordable("power", _power)
exp = recordable("exponential", _exp)
real_power = recordable("real_power", _real_power)
