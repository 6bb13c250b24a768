"""Cube root, exponential and arctangent: their error, special values, and bits on every backend."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
from fastopt.algorithm import angle, cube_root, exponential

mpmath = pytest.importorskip("mpmath")

Array = NDArray[Any]
DTYPES = (np.float32, np.float64)
COUNT = 4000


def of_every_size(dtype: Any, seed: int, low: float | None = None) -> Array:
    """Numbers of every exponent that the dtype has, subnormals too, or of those from low on."""
    limits = np.finfo(dtype)
    least = float(limits.minexp - limits.nmant) if low is None else low
    rng = np.random.default_rng(seed)
    sizes = np.exp2(rng.uniform(least, limits.maxexp - 0.01, COUNT)).astype(dtype)
    return np.concatenate(
        [sizes, rng.uniform(0.0, 10.0, COUNT).astype(dtype), [limits.max, limits.tiny]]
    )


def off(found: Array, exact: list[Any]) -> float:
    """Measure the largest error, in units in the last place."""
    units = np.spacing(np.abs(np.array([float(x) for x in exact], found.dtype)))
    return max(
        float(abs(mpmath.mpf(float(a)) - b) / mpmath.mpf(float(unit)))
        for a, b, unit in zip(found, exact, units, strict=True)
    )


@pytest.fixture(autouse=True)
def precise() -> Any:
    """Compute what is exact to 120 bits; sizes that are not chosen may overflow, as in a step."""
    with mpmath.workprec(120), np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cube_root_is_right_to_two_units(dtype: Any) -> None:
    x = of_every_size(dtype, 0)
    assert off(cube_root(x), [mpmath.cbrt(mpmath.mpf(float(each))) for each in x]) <= 2.0
    np.testing.assert_array_equal(cube_root(-x), -cube_root(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_exponential_is_right_to_two_units(dtype: Any) -> None:
    lowest = np.log(np.finfo(dtype).smallest_subnormal)
    x = of_every_size(dtype, 1, low=-60.0)
    x = np.concatenate([-x[x < -lowest], np.linspace(lowest, 0.0, COUNT, dtype=dtype)])
    assert off(exponential(x), [mpmath.exp(mpmath.mpf(float(each))) for each in x]) <= 2.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_arctangent_is_right_to_two_units(dtype: Any) -> None:
    y, x = of_every_size(dtype, 2), of_every_size(dtype, 3)
    y = np.concatenate([y, x * dtype(0.55), x * dtype(1.0 + 1e-6)])
    x = np.concatenate([x, x, x])
    exact = [
        mpmath.atan2(mpmath.mpf(float(a)), mpmath.mpf(float(b))) for a, b in zip(y, x, strict=True)
    ]
    assert off(angle(y, x), exact) <= 2.0
    np.testing.assert_array_equal(angle(-y, x), -angle(y, x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: Any) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -27.0], dtype)
    same(cube_root(x), np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -3.0], dtype))
    x = np.array([0.0, -0.0, -np.inf, np.nan, -np.finfo(dtype).max, -np.finfo(dtype).tiny], dtype)
    same(exponential(x), np.array([1.0, 1.0, 0.0, np.nan, 0.0, 1.0], dtype))
    y, x = np.meshgrid(
        np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan], dtype),
        np.array([0.0, 1.0, np.inf, np.nan], dtype),
    )
    same(angle(y, x), np.arctan2(np.float64(y), np.float64(x)).astype(dtype))


def same(found: Array, exact: Array) -> None:
    """Hold them to be equal, zeros with their signs."""
    np.testing.assert_array_equal(found, exact)
    number = ~np.isnan(exact)
    np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(exact[number]))


class OneCoefficient(NamedTuple):
    """A scalar that does nothing."""

    one: float


class Of(fastopt.Optimizer):
    """An optimizer whose parameters become a function of the gradient, and of what they were."""

    @staticmethod
    def coefficients(h: Any, t: int) -> OneCoefficient:
        return OneCoefficient(1.0)


class CubeRoot(Of):
    """The cube root."""

    @staticmethod
    def rule(p: Any, g: Any, c: Any) -> Any:
        return c.one * cube_root(g)


class Exponential(Of):
    """The exponential."""

    @staticmethod
    def rule(p: Any, g: Any, c: Any) -> Any:
        return c.one * exponential(-np.abs(g))


class Angle(Of):
    """The arctangent."""

    @staticmethod
    def rule(p: Any, g: Any, c: Any) -> Any:
        return angle(g, c.one * p)


CASES: list[tuple[type[Of], Callable[[Array, Array], Array]]] = [
    (CubeRoot, lambda g, _: cube_root(g)),
    (Exponential, lambda g, _: exponential(-np.abs(g))),
    (Angle, angle),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "function"), CASES)
def test_the_same_bits_compiled(kind: type[Of], function: Any, dtype: Any) -> None:
    """For arrays and for Numba's scalars; those of C++ are held to them with the rules."""
    g, p = of_every_size(dtype, 4), of_every_size(dtype, 5)
    g[::2] *= dtype(-1)
    expected = function(g, p.copy())
    kind([p], backend="numba").step([g])
    assert p.tobytes() == expected.tobytes()
