"""Rows that `bench.against` measures: each a function that prepares, and returns the call to be timed.

Only what 0.1 has by the same name is used, so that any commit since can be measured.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastopt
from fastopt import schedules

Call = Callable[[], object]
Array = NDArray[Any]
ROWS: dict[str, Callable[[], Call]] = {}
MANY = 16_000


def row(name: str) -> Callable[[Callable[[], Call]], Callable[[], Call]]:
    """Enter a function under a name."""

    def enter(prepare: Callable[[], Call]) -> Callable[[], Call]:
        ROWS[name] = prepare
        return prepare

    return enter


def pairs(count: int, size: int) -> tuple[list[Array], list[Array]]:
    """Make parameters and gradients."""
    rng = np.random.default_rng(0)
    params, grads = ([rng.standard_normal(size, np.float32) for _ in range(count)] for _ in "pg")
    return params, grads


def step(count: int, size: int, **options: Any) -> Call:
    params, grads = pairs(count, size)
    opt = fastopt.Adam(params, **options)
    return lambda: opt.step(grads)


@row("plain, 1 x 1,000, in a list")
def one_in_a_list() -> Call:
    return step(1, 1000)


@row("plain, 1 x 1,000, in a dict")
def one_in_a_dict() -> Call:
    (p,), (g,) = pairs(1, 1000)
    opt, grads = fastopt.Adam({"w": p}), {"w": g}
    return lambda: opt.step(grads)


@row("plain, 1 x 1,000, bound")
def one_bound() -> Call:
    params, grads = pairs(1, 1000)
    return fastopt.Adam(params, grads=grads).step


@row("plain, 6 x 200")
def six() -> Call:
    return step(6, 200)


@row("plain, 1,000 x 1,000")
def thousand() -> Call:
    return step(1000, 1000)


@row("plain, 1 x 25 M")
def large() -> Call:
    return step(1, 25_000_000)


@row("numba, 6 x 200")
def six_by_numba() -> Call:
    return step(6, 200, backend="numba")


@row("numba, 1,000 x 1,000")
def thousand_by_numba() -> Call:
    return step(1000, 1000, backend="numba")


@row("numba, 1 x 25 M")
def large_by_numba() -> Call:
    return step(1, 25_000_000, backend="numba")


@row("clip, 6 x 200")
def clipped() -> Call:
    return step(6, 200, global_clipnorm=1.0)


@row("clip + schedule + ema, 6 x 200")
def everything() -> Call:
    return step(6, 200, global_clipnorm=1.0, ema=0.999, lr=schedules.cosine(1e-3, 10**9))


@row("clip + schedule + ema, 1,000 x 1,000")
def everything_of_a_thousand() -> Call:
    return step(1000, 1000, global_clipnorm=1.0, ema=0.999, lr=schedules.cosine(1e-3, 10**9))


@row("100 arrays in a flat list")
def flat() -> Call:
    return step(100, 100)


@row("100 arrays in tuples of two")
def nested() -> Call:
    params, grads = ([*zip(a[::2], a[1::2], strict=True)] for a in pairs(100, 100))
    opt = fastopt.Adam(params)
    return lambda: opt.step(grads)


def many() -> dict[str, Array]:
    return {f"{i}.{'wb'[i % 2]}": np.zeros(8, np.float32) for i in range(MANY)}


@row("16,000 arrays: make")
def make() -> Call:
    params = many()
    return lambda: fastopt.Adam(params)


@row("16,000 arrays: make, groups by pattern")
def make_groups() -> Call:
    params = many()
    return lambda: fastopt.Adam(params, groups={"*.b": {"weight_decay": 0.1}, "1*": {"lr": 0.1}})


@row("16,000 arrays: make, no_decay")
def make_no_decay() -> Call:
    params = many()
    return lambda: fastopt.Adam(params, groups=fastopt.no_decay)


@row("16,000 arrays: save")
def save() -> Call:
    opt, folder = fastopt.Adam(many()), tempfile.TemporaryDirectory()
    return lambda: opt.save(Path(folder.name) / "run.npz")


@row("16,000 arrays: load")
def load() -> Call:
    opt, folder = fastopt.Adam(many()), tempfile.TemporaryDirectory()
    opt.save(Path(folder.name) / "run.npz")
    return lambda: opt.load(Path(folder.name) / "run.npz")


@row("16,000 arrays: add one")
def add_one() -> Call:
    opt, names = fastopt.Adam(many()), iter(range(10**9))
    return lambda: opt.add_params({f"new{next(names)}": np.zeros(8, np.float32)})


@row("import, beyond NumPy")
def imported() -> Call:
    return importing("fastopt")


@row("import and the first class, beyond NumPy")
def first_class() -> Call:
    return importing("fastopt; fastopt.AdamW")


def importing(what: str) -> Call:
    """Time an import in a process of its own, NumPy first."""
    script = (
        f"import numpy, time as t; b = t.perf_counter(); import {what}; print(t.perf_counter() - b)"
    )
    command = [sys.executable, "-c", script]

    def call() -> float:
        return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    return call
