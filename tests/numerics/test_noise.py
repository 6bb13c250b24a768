"""Noise: the hash by Python's own integers, and whether what it makes is independent."""

import numpy as np
import pytest

from fastopt.numerics import noise

MANY = 1 << 18
SEED = 0x0123456789ABCDEF


def lowbias32(x: int) -> int:
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> shift)) * factor) % 2**32
    return x ^ (x >> 16)


def by_hand(seed: int, step: int, number: int, element: int) -> int:
    key = lowbias32(seed % 2**32 ^ number)
    for word in (seed // 2**32, step % 2**32, step // 2**32, element // 2**32):
        key = lowbias32(key ^ word)
    return lowbias32((element * 0x9E3779B1) % 2**32 ^ key)


@pytest.mark.parametrize("begin", [0, 1, 4096, 2**31, 2**32 - 128, 2**32, 2**40 + 128])
def test_hash(begin: int) -> None:
    for seed, step, number in ((0, 0, 0), (SEED, 7, 1), (2**64 - 1, 2**33 + 5, 4)):
        found = noise(seed, step, number, begin, 128)
        assert found.dtype == np.uint32
        assert found.tolist() == [by_hand(seed, step, number, begin + k) for k in range(128)]


def test_however_it_is_cut() -> None:
    whole = noise(SEED, 3, 0, 0, 1000)
    pieces = [noise(SEED, 3, 0, a, min(128, 1000 - a)) for a in range(0, 1000, 128)]
    assert np.array_equal(np.concatenate(pieces), whole)


def halves(
    x: "np.ndarray[tuple[int], np.dtype[np.uint32]]",
) -> "list[np.ndarray[tuple[int], np.dtype[np.float64]]]":
    """Both numbers of 16 bits, of mean 0 and variance 1."""
    middle, spread = 65535 / 2, (2**32 - 1) ** 0.5 / 12**0.5
    return [((x >> shift & 0xFFFF).astype(np.float64) - middle) / spread for shift in (0, 16)]


def test_even_and_uncorrelated() -> None:
    """Mean, variance, and what there is besides, within four standard errors."""
    low, high = halves(noise(SEED, 10, 0, 0, MANY))
    others = {
        "halves": high,
        "neighbours": np.roll(low, 1),
        "blocks": np.roll(low, 128),
        "rows": np.roll(low, 4096),
        "steps": halves(noise(SEED, 11, 0, 0, MANY))[0],
        "numbers": halves(noise(SEED, 10, 1, 0, MANY))[0],
        "the parameter's": halves(noise(SEED, 10, 4, 0, MANY))[0],
        "seeds": halves(noise(SEED + 1, 10, 0, 0, MANY))[0],
        "high words of seeds": halves(noise(SEED + 2**32, 10, 0, 0, MANY))[0],
        "late steps": halves(noise(SEED, 10 + 2**32, 0, 0, MANY))[0],
        "far elements": halves(noise(SEED, 10, 0, 2**32, MANY))[0],
    }
    error = MANY**-0.5
    for half in (low, high):
        assert abs(half.mean()) < 4 * error
        assert abs(half.var() - 1.0) < 4 * error * 0.8**0.5  # the variance of a square, which is even
    for name, other in others.items():
        assert abs((low * other).mean()) < 4 * error, name


def test_steps_in_a_row_add_up_to_nothing() -> None:
    """An element is rounded up as often as down, in any 1,000 steps."""
    sums = np.sum([halves(noise(SEED, step, 0, 0, 1024))[0] for step in range(1000)], axis=0)
    assert np.abs(sums).max() < 4.5 * 1000**0.5  # of 1,024 numbers
    assert abs(sums.std() - 1000**0.5) < 4 * 1000**0.5 / 2048**0.5
