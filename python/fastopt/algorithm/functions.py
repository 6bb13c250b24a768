"""Cube root, exponential and arctangent of arrays, with the same bits everywhere.

They are made of ``+ - * /``, choices and products with powers of two, as rules are, and not of the
machine's math library, whose last bit differs from one to the next; each is right to 2 units in the
last place. Their counterpart in C++ is csrc/kernels/functions.hpp, with the same operations in the same
order. The Numba backend compiles `cube_root_of` and its like for scalars.
"""

from typing import Any, NamedTuple

import numpy as np

from fastopt.algorithm.elementwise import maximum, minimum, select

GUESS = (0.76250012, 0.26807631, -0.01467066)  # a cube root from 1 to 8, off by 1.6 % at most
LOG_OF_2 = (0.6931471805599453, 2.3190468138462996e-17)  # and what it lacks
INVERSE_FACTORIALS = (
    *(1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0),
    *(1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5),
)
ARCTANGENT = (  # what atan(t) / t lacks of 1, as a polynomial in t * t, by Chebyshev's nodes
    *(-0.0046904620041534825, 0.015700366508983432, -0.027825900607382437),
    *(0.036741467072327, -0.04263871588191785, 0.04746058555009116),
    *(-0.05260968997727082, 0.05882133691072523, -0.0666665104224573),
    *(0.07692306924957541, -0.09090909066215362, 0.11111111110631024),
    *(-0.14285714285709383, 0.1999999999999998, -0.3333333333333333),
)
BEND = 0.55  # above it an arctangent is at least a half, and an error less of its last place
QUARTER = (0.7853981633974483, 3.061616997868383e-17)  # of a half turn, and what it lacks


class Numbers(NamedTuple):
    """The numbers that the functions need, in the dtype that they compute in."""

    zero: Any
    one: Any
    two: Any
    infinity: Any
    tiny: Any  # below it, sizes are lifted twice
    lifts: Any
    lowers: Any  # the cube roots of their reciprocals
    limits: Any  # powers of eight
    drops: Any  # their reciprocals
    raises: Any  # their cube roots
    guess: Any
    lowest: Any  # whose exponential is 0
    per_log: Any
    shift: Any  # a number so large that a sum with it is a whole number
    log_high: Any  # of so few bits that a multiple of it is exact
    log_low: Any
    series: Any
    steps: Any
    halves: Any  # 2 to the power of the negative steps
    bend: Any
    quarter: Any
    quarter_low: Any
    half: Any
    half_low: Any
    arctangent: Any


def numbers_of(dtype: Any) -> Numbers:
    """Make the numbers of a dtype."""
    single = dtype is np.float32
    lifts = (96, 63) if single else (768, 513)
    limits = (96, 48, 24, 12, 6, 3) if single else (768, 384, 192, 96, 48, 24, 12, 6, 3)
    half = 64 if single else 512
    steps = tuple([half, *[half >> i for i in range(half.bit_length())]])
    log_high = 0.693359375 if single else 0.693147180369123816490
    quarter = dtype(QUARTER[0])
    quarter_low = dtype((QUARTER[0] - float(quarter)) + QUARTER[1])

    def powers(exponents: Any) -> Any:
        return tuple([np.ldexp(dtype(1), each) for each in exponents])

    return Numbers(
        zero=dtype(0.0),
        one=dtype(1.0),
        two=dtype(2.0),
        infinity=dtype(np.inf),
        tiny=np.ldexp(dtype(1), -60 if single else -510),
        lifts=powers(lifts),
        lowers=powers([-each // 3 for each in lifts]),
        limits=powers(limits),
        drops=powers([-each for each in limits]),
        raises=powers([each // 3 for each in limits]),
        guess=tuple(map(dtype, GUESS)),
        lowest=dtype(-110.0 if single else -800.0),
        per_log=dtype(1.0 / LOG_OF_2[0]),
        shift=dtype(1.5 * 2.0 ** (23 if single else 52)),
        log_high=dtype(log_high),
        log_low=dtype(LOG_OF_2[0] - log_high + LOG_OF_2[1]),
        series=tuple(map(dtype, INVERSE_FACTORIALS)),
        steps=tuple(map(dtype, steps)),
        halves=powers([-each for each in steps]),
        bend=dtype(BEND),
        quarter=quarter,
        quarter_low=quarter_low,
        half=dtype(2.0) * quarter,
        half_low=dtype(2.0) * quarter_low,
        arctangent=tuple(map(dtype, ARCTANGENT)),
    )


NUMBERS = {dtype: numbers_of(dtype) for dtype in (np.float32, np.float64)}


def cube_root(x: Any) -> Any:
    """Compute the cube root; of 0, infinity and NaN they themselves."""
    return cube_root_of(x, NUMBERS[x.dtype.type])


def exponential(x: Any) -> Any:
    """Compute e to the power of x, which is at most 0."""
    return exponential_of(x, NUMBERS[x.dtype.type])


def angle(y: Any, x: Any) -> Any:
    """Compute the arctangent of y over x, which is at least 0; of two zeros 0 with the sign of y."""
    return angle_of(y, x, NUMBERS[y.dtype.type])


def cube_root_of(x: Any, k: Any) -> Any:
    """Bring the size of x to 1 ... 8 by powers of eight, and improve a guess by Halley's method."""
    size = np.abs(x)
    scale = select(size < k.tiny, k.lowers[0], k.one)
    a = select(size < k.tiny, size * k.lifts[0], size)
    scale = select(a < k.one, scale * k.lowers[1], scale)
    a = select(a < k.one, a * k.lifts[1], a)
    for i in range(len(k.limits)):
        scale = select(a >= k.limits[i], scale * k.raises[i], scale)
        a = select(a >= k.limits[i], a * k.drops[i], a)
    y = (k.guess[2] * a + k.guess[1]) * a + k.guess[0]
    for _ in range(2):
        cube = y * y * y
        y = y + y * ((a - cube) / (k.two * cube + a))
    y = scale * y
    y = select(x < k.zero, -y, y)
    return select((size > k.zero) & (size < k.infinity), y, x)


def exponential_of(x: Any, k: Any) -> Any:
    """Find the series of what is left of a whole power of two, and scale it by that step by step."""
    x = maximum(x, k.lowest)
    n = (x * k.per_log + k.shift) - k.shift
    rest = (x - n * k.log_high) - n * k.log_low
    y = k.series[0]
    for i in range(1, len(k.series)):
        y = y * rest + k.series[i]
    y = k.one + (rest + rest * rest * y)
    for i in range(len(k.steps)):
        y = select(n <= -k.steps[i], y * k.halves[i], y)
        n = select(n <= -k.steps[i], n + k.steps[i], n)
    return y


def angle_of(y: Any, x: Any, k: Any) -> Any:
    """Bring the quotient to -0.3 ... 0.55 by the formulas for 1 / q and for (q - 1) / (q + 1)."""
    size = np.abs(y)
    high, low = maximum(size, x), minimum(size, x)
    q = select(low == high, k.one, low / high)
    q = select(high == k.zero, k.zero, q)
    t = select(q > k.bend, (q - k.one) / (q + k.one), q)
    square = t * t
    s = k.arctangent[0]
    for i in range(1, len(k.arctangent)):
        s = s * square + k.arctangent[i]
    a = t + t * square * s
    a = select(q > k.bend, k.quarter + (k.quarter_low + a), a)
    a = select(size > x, k.half - (a - k.half_low), a)
    a = select(y < k.zero, -a, a)
    return select(a == k.zero, y * k.zero, a)
