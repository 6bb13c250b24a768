"""The numerics contract across machines: the hashes of fixed runs, which every platform has to meet."""

from collections.abc import Iterable

import numpy as np
import pytest
from golden.data import extremes, values, words
from golden.table import at, digest, hashes, places, read, run_of, wanted

ROWS = read()
BY_ALGORITHM: dict[str, list[str]] = {}
for row in ROWS:
    BY_ALGORITHM.setdefault(run_of(row).algorithm, []).append(row)


def first_of_each_kind(rows: Iterable[str]) -> list[str]:
    """Leave out what Numba would take a minute to compile; numerics/test_bits.py has all of it."""
    return list({run_of(name).kind: name for name in reversed(list(rows))}.values())


@pytest.mark.parametrize("algorithm", BY_ALGORITHM)
@pytest.mark.parametrize("place", places())
def test_every_run_ends_with_the_bits_of_the_table(place: str, algorithm: str) -> None:
    rows = BY_ALGORITHM[algorithm]
    with at(place) as backend:
        for name in first_of_each_kind(rows) if backend == "numba" else rows:
            assert hashes(name, backend) == ROWS[name], f"{place} has other bits for {name}"


def test_every_run_has_a_row() -> None:
    missing = set(wanted()) - set(ROWS)
    assert not missing, (
        f"{len(missing)} runs are not in tests/golden/hashes.json; add them with\n"
        f"    python tools/golden_hashes.py --write\n{missing}"
    )


def test_words_are_those_of_splitmix64() -> None:
    """Of the state 0: the first outputs that its reference implementation gives."""
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert words(3, 0).tolist() == first
    assert not set(words(1000, 1).tolist()) & set(words(1000, 2).tolist())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_are_in_range(dtype: type) -> None:
    drawn = np.abs(values((5000,), dtype, 1).astype(float))
    zeros = drawn == 0.0
    assert 50 < np.count_nonzero(zeros) < 500
    assert drawn[~zeros].min() >= 2.0**-8
    assert drawn.max() < 2.0**4
    assert len(extremes(dtype, 0)) == 32


def test_a_hash_sees_every_bit_but_those_of_nan() -> None:
    x = values((40,), np.float32, 1)
    seen = {digest([x])}
    for bit in range(32):
        y = x.copy()
        y.view(np.uint32)[bit] ^= np.uint32(1 << bit)
        seen.add(digest([y]))
    seen |= {digest([x, x]), digest([x.reshape(5, 8)]), digest([x.view(np.uint64)])}
    assert len(seen) == 36
    quiet, other = (np.array([b], np.uint32).view(np.float32) for b in (0x7FC00000, 0xFFC00001))
    assert digest([quiet]) == digest([other])
    halves = (np.array([b], np.uint16) for b in (0x7FC0, 0xFFC1, 0x7F80))
    assert len({digest([h]) for h in halves}) == 2


def test_a_hash_does_not_see_the_layout() -> None:
    x = values((7, 9), np.float64, 1)
    wide = np.repeat(x, 2, 1)[:, ::2]
    assert digest([x]) == digest([np.asfortranarray(x)]) == digest([wide])
