"""Index arithmetic for sizes up to 2^62, compiled from csrc/; offsets beyond 2^32 bytes for real."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support.by_hand import Array, same
from support.compiled import run_alone

import fastopt
from fastopt import backends
from fastopt.algorithm.rule import rule_of

GIB = 2**30
HUGE = 2**31 + 17  # elements


def test_fake_sizes(tmp_path: Path) -> None:
    run_alone("test_indices.cpp", tmp_path)


def reserved(size: int) -> Array:
    """Memory of which only the pages that are touched are there."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    return np.frombuffer(mmap.mmap(-1, size, flags=flags), np.uint8)


@pytest.mark.parametrize("apart", [2**31 - 64, 2**31 + 64, 2**32 + 4096])
@pytest.mark.parametrize("turned", [False, True])
def test_rows_of_a_gradient_far_apart(apart: int, turned: bool, backend: str) -> None:
    """Its elements are gibibytes from each other, forwards or backwards; a few pages are touched."""
    rows, columns = 3, 70
    memory = reserved((rows - 1) * apart + columns * 4)
    g: Any = as_strided(memory[: columns * 4].view(np.float32), (rows, columns), (apart, 4))
    rng = np.random.default_rng(apart)
    g[...] = rng.standard_normal(g.shape)
    g = g[::-1] if turned else g
    start = rng.standard_normal(g.shape).astype(np.float32)
    found, wanted = start.copy(), start.copy()
    for p, given in ((found, g), (wanted, g.copy())):
        opt = fastopt.SGD(p, lr=0.1, global_clipnorm=0.5, zero_grads=True, backend=backend)
        opt.step(given)
    assert same(found, wanted)
    assert not same(found, start)
    assert not g.any()


def test_norm_of_more_than_2_to_the_31_elements() -> None:
    """Every element is read once: a parameter that nobody touches, and one value for its gradient."""
    h = fastopt.SGD(np.zeros(1)).groups[0].h
    p = reserved(4 * HUGE).view(np.float32)
    g = np.broadcast_to(np.float32(1.0), p.shape)
    plan = backends.backend("native").make_plan([(p,)], [rule_of(fastopt.SGD.select_rule(h))], [0])
    assert plan.bind([g], None, True) == backends.BOUND
    assert plan.sums_of_squares(2) == [float(HUGE)]


def available() -> int:
    """How many bytes of memory are free."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


@pytest.mark.parametrize("broadcast", [True, False], ids=["one value", "two arrays"])
def test_step_of_more_than_2_to_the_31_elements(broadcast: bool, thorough: bool) -> None:
    needed = 4 * HUGE * (1 if broadcast else 2) + 2 * GIB
    if not thorough:
        pytest.skip("takes 9 to 17 GB: run with --thorough")
    if not Path("/proc/meminfo").exists() or available() < needed:
        pytest.skip(f"takes {needed / GIB:.0f} GiB of free memory")
    p = reserved(4 * HUGE).view(np.float32)
    marks = [0, 1, 2**29, 2**30 - 1, 2**30, 2**31 - 1, 2**31, HUGE - 1]
    if broadcast:
        g = np.broadcast_to(np.float32(1.0), p.shape)
    else:
        g = reserved(4 * HUGE).view(np.float32)
        g[...] = 1.0
        g[marks] = np.arange(8)
    p[marks] = 3.0
    fastopt.SGD(p, lr=0.5).step(g)
    assert p[marks].tolist() == [3.0 - 0.5 * (1.0 if broadcast else k) for k in range(8)]
    p[marks] = -0.5
    for begin in range(0, HUGE, 2**26):  # each of the others, a part at a time
        assert (p[begin : begin + 2**26] == -0.5).all()
