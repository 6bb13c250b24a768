"""The exponential moving average of a signal, against its formula and among the backends."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt

BACKENDS = ("native", "numba", "numpy")
BETAS = (0.0, 0.1, 0.9, 0.999)


def signal(shape: Any, dtype: Any = np.float64) -> NDArray[Any]:
    rng = np.random.default_rng(3)
    values: NDArray[Any] = np.asarray(rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3, shape))
    return values.astype(dtype)


def formula(x: NDArray[Any], beta: float, corrected: bool) -> NDArray[Any]:
    """Along the first axis, in float64: one value after the other."""
    s, found = np.zeros(x.shape[1:]), []
    for t, value in enumerate(x, start=1):
        s = beta * s + (1 - beta) * value
        found.append(s / (1 - beta**t) if corrected else s)
    return np.array(found).reshape(x.shape)


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("beta", BETAS)
def test_formula(beta: float, corrected: bool, backend: str) -> None:
    x = signal((200, 3))
    found = fastopt.ema(x, beta, corrected, backend=backend)
    # 1 - beta^t cancels for beta near 1, where the power by repeated products and by libm differ.
    np.testing.assert_allclose(found, formula(x, beta, corrected), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
@pytest.mark.parametrize(("shape", "axis"), [((50,), 0), ((7, 9), 0), ((7, 9), 1), ((3, 8, 5), -2)])
def test_same_bits_from_every_backend(shape: tuple[int, ...], axis: int, dtype: Any) -> None:
    x = signal(shape, dtype)
    x.flat[3] = np.nan
    for beta in BETAS:
        for corrected in (True, False):
            a, b, c = (fastopt.ema(x, beta, corrected, axis, backend=name) for name in BACKENDS)
            assert a.dtype == x.dtype.newbyteorder("=")
            assert a.shape == x.shape
            np.testing.assert_array_equal(a, c)
            np.testing.assert_array_equal(b, c)


def test_stream_is_the_same_as_all_at_once(backend: str) -> None:
    for corrected in (True, False):
        x = signal((40, 2, 3), np.float32)
        stream = fastopt.EMA(0.9, corrected, backend=backend)
        found = np.array([stream.update(value) for value in x])
        np.testing.assert_array_equal(found, fastopt.ema(x, 0.9, corrected, backend=backend))
        assert stream.count == 40


def test_axes_and_layouts(backend: str) -> None:
    x = signal((6, 5, 4))
    expected = np.moveaxis(formula(np.moveaxis(x, 1, 0), 0.9, True), 0, 1)
    for given in (x, np.asfortranarray(x), x.transpose(2, 1, 0).copy().transpose(2, 1, 0)):
        for axis in (1, -2):
            found = fastopt.ema(given, 0.9, axis=axis, backend=backend)
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    for shape in ((0,), (0, 3), (3, 0)):
        assert fastopt.ema(np.zeros(shape), 0.9, backend=backend).shape == shape


def test_lists_and_numbers_of_floats() -> None:
    assert fastopt.ema([1.0, 1.0, 1.0], 0.9).tolist() == pytest.approx([1.0] * 3)
    stream = fastopt.EMA(0.5)
    assert [float(stream.update(x)) for x in (2.0, 2.0)] == [2.0, 2.0]


def test_the_signal_is_not_written() -> None:
    x = signal((20,))
    x.flags.writeable = False
    before = x.copy()
    fastopt.ema(x, 0.9)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 2, 3], 0.9), TypeError, r"signal has dtype int64 .*: give np.asarray\(signal, float\)"),
        ((["a"], 0.9), TypeError, "give an array of floats"),
        (([1j], 0.9), TypeError, "give an array of floats"),
        ((np.ma.masked_array([1.0]), 0.9), TypeError, "masked"),
        ((1.0, 0.9), ValueError, "no axis to run along; .* fastopt.EMA"),
        (([1.0], 1.0), ValueError, "beta is 1.0; it must be a finite number >= 0 and < 1"),
        (([1.0], "0.9"), TypeError, "beta is '0.9'"),
        (([1.0], 0.9, 1), TypeError, "bias_correction is 1 .*True or False"),
        (([1.0], 0.9, True, 1), ValueError, "axis is 1; it must be a whole number >= -1 and <= 0"),
    ],
)
def test_bad_input(arguments: tuple[Any, ...], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastopt.ema(*arguments)


def test_values_of_a_stream_are_alike() -> None:
    stream = fastopt.EMA(0.9)
    stream.update(np.zeros(3))
    before = stream.count
    with pytest.raises(ValueError, match=r"x has shape \(2,\) and dtype float64; .* \(3,\)"):
        stream.update(np.zeros(2))
    with pytest.raises(ValueError, match="dtype float32"):
        stream.update(np.zeros(3, np.float32))
    assert stream.count == before
