"""The numerics contract: the same bits on every backend, instruction set and thread count."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import (
    BY_NORM,
    Variant,
    compiled_for,
    label,
    loop_of,
    one_for_each_number_of_states,
    variants,
)

import fastopt
from fastopt.runtime.extension import native

STEPS = 10
LEVELS = native.runnable_levels() if native else []

Arrays = list[NDArray[Any]]
Make = Callable[[np.random.Generator, int, Any], NDArray[Any]]


def finite(rng: np.random.Generator, size: int, dtype: Any) -> NDArray[Any]:
    """Values over twelve decades, with zeros of both signs among them."""
    values: NDArray[Any] = rng.standard_normal(size) * 10.0 ** rng.integers(-6, 6, size)
    values[rng.random(size) < 0.05] = 0.0
    values[rng.random(size) < 0.05] = -0.0
    rounded: NDArray[Any] = values.astype(dtype)
    return rounded


def raw_bits(rng: np.random.Generator, size: int, dtype: Any) -> NDArray[Any]:
    """Every bit pattern there is: NaN, infinities, subnormals."""
    item = np.dtype(dtype).itemsize
    values: NDArray[Any] = rng.integers(0, 256, size * item, np.uint8).view(dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, np.finfo(dtype).tiny / 3], dtype)
    chosen = rng.random(size) < 0.2
    values[chosen] = rng.choice(special, int(chosen.sum()))
    return values


def drawn(make: Make, size: int, dtype: Any, number: int) -> NDArray[Any]:
    """Draw the same values for every backend and variant; drawing takes longer than steps."""
    return _kept(make, size, dtype, number) if size < KEPT else _drawn(make, size, dtype, number)


def split(
    make: Make, size: int, dtype: Any, number: int, edges: tuple[int, ...]
) -> Sequence[NDArray[Any]]:
    """Draw as `drawn` does, and give the pieces between edges."""
    return (_kept_pieces if size < KEPT else _split)(make, size, dtype, number, edges)


def _drawn(make: Make, size: int, dtype: Any, number: int) -> NDArray[Any]:
    values = make(np.random.default_rng([7, number]), size, dtype)
    values.flags.writeable = False
    return values


def _split(
    make: Make, size: int, dtype: Any, number: int, edges: tuple[int, ...]
) -> Sequence[NDArray[Any]]:
    return tuple(np.split(drawn(make, size, dtype, number), edges))


_kept, _kept_pieces = cache(_drawn), cache(_split)
KEPT = 50_000  # elements


def train(
    name: str, options: dict[str, Any], sizes: list[int], dtype: Any, make: Make, backend: str
) -> NDArray[Any]:
    """Take ten steps; give back parameters and states, each in one piece.

    The reference sees all elements as one array: the split into arrays may change no bit either,
    unless norms of each matter.
    """
    clips = fastopt.get(name, np.zeros(1), **options).groups[0]["clipnorm"] is not None
    apart = clips or name in BY_NORM or backend != "numpy"
    edges = np.cumsum(sizes)[:-1].tolist() if apart else []

    def pieces(number: int) -> Sequence[NDArray[Any]]:
        return split(make, sum(sizes), dtype, number, tuple(edges))

    def arrays(number: int) -> Arrays:
        return [piece.copy() for piece in pieces(number)]

    params = arrays(0)
    opt = fastopt.get(name, params, backend=backend, **options)
    states = list(zip(*(state.values() for state in opt.state.values()), strict=True))
    if make is raw_bits:
        for k, each in enumerate(states):
            for array, bits in zip(each, pieces(STEPS + 1 + k), strict=True):
                array[...] = np.resize(bits, array.shape)
    for step in range(STEPS):
        take_step(opt, pieces(1 + step))
    return np.concatenate([*params, *(array for each in states for array in each)])


def count_different(a: NDArray[Any], b: NDArray[Any]) -> int:
    """Count elements whose bits differ; any NaN equals any other."""
    bits = f"u{a.itemsize}"
    return int(np.count_nonzero((a.view(bits) != b.view(bits)) & ~(np.isnan(a) & np.isnan(b))))


KINDS = [(dtype, make) for make in (finite, raw_bits) for dtype in (np.float32, np.float64)]
HALVES = KINDS[::3], KINDS[1:3]  # each dtype and each kind of values once


def cases() -> Iterator[tuple[Variant, Any, Make, list[str]]]:
    """Give each loop, of a rule with a stage, both dtypes and all levels.

    What other options give it are other scalars, which are computed outside of all loops: one dtype and
    one level, in turn.
    """
    known = set()
    for k, variant in enumerate(variants()):
        loop = loop_of(*variant)
        new = loop not in known
        known.add(loop)
        for kind in HALVES[k % 2] if new else KINDS[k % 4 :][:1]:
            yield variant, *kind, LEVELS if new else LEVELS[k % max(len(LEVELS), 1) :][:1]


CASES = [*cases()]


@pytest.mark.parametrize(
    ("variant", "dtype", "make", "levels"),
    CASES,
    ids=[f"{label(variant)}-{dtype.__name__}-{make.__name__}" for variant, dtype, make, _ in CASES],
)
def test_every_backend_and_level(
    variant: Variant, dtype: Any, make: Make, levels: list[str], level: Callable[[str], None]
) -> None:
    """Sizes 0 to 257, one array each: every tail, every phase within a cache line.

    By norm every array is a call of NumPy's: fewer, of which every tail is one, too.
    """
    sizes = list(range(0, 258, 7 if variant[0] in BY_NORM else 1))
    expected = train(*variant, sizes, dtype, make, "numpy")
    if dtype is compiled_for(*variant):
        assert count_different(train(*variant, sizes, dtype, make, "numba"), expected) == 0
    for name in levels:
        level(name)
        assert count_different(train(*variant, sizes, dtype, make, "native"), expected) == 0, name


CHUNK_BYTES = 256 * 1024  # csrc/plan/partition.hpp
CACHE_BYTES = 24 * 1024 * 1024  # csrc/plan/step.cpp


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", one_for_each_number_of_states())
def test_chunk_edges_and_threads(name: str, dtype: Any, level: Callable[[str], None]) -> None:
    """Arrays that end just before, at and after the edge of a chunk; work for seven threads."""
    streams = 2 + len(fastopt.get(name, np.zeros(1)).state["params"])
    chunk = CHUNK_BYTES // (np.dtype(dtype).itemsize * streams) // 64 * 64
    sizes = [chunk - 1, chunk, chunk + 1, 3 * chunk - 1, 5, 7 * chunk + 1, 1, 9 * chunk]
    expected = train(name, {}, sizes, dtype, finite, "numpy")
    before = fastopt.get_num_threads()
    try:
        for k, threads in enumerate((1, 2, 3, 7), streams + (dtype is np.float64)):
            fastopt.set_num_threads(threads)
            for name_of_level in LEVELS[k % max(len(LEVELS), 1) :][
                :1
            ]:  # each with each, over all cases
                level(name_of_level)
                found = train(name, {}, sizes, dtype, finite, "native")
                assert count_different(found, expected) == 0, (threads, name_of_level)
        assert count_different(train(name, {}, sizes, dtype, finite, "numba"), expected) == 0
    finally:
        fastopt.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 1.0}], ids=["plain", "clipped"])
def test_arrays_too_large_for_the_caches(
    options: dict[str, Any], dtype: Any, level: Callable[[str], None]
) -> None:
    """Some steps fetch ahead and some do not, to see which is faster: ten steps have both."""
    streams = 4
    size = CACHE_BYTES // (np.dtype(dtype).itemsize * streams) + 1
    expected = train("adam", options, [size], dtype, finite, "numpy")
    for name in LEVELS:
        level(name)
        found = train("adam", options, [size], dtype, finite, "native")
        assert count_different(found, expected) == 0, name
