"""Every algorithm x dtype x size x backend; each with GB/s, and as a share of the ceiling.

The ceiling is a sweep over the same streams that only adds. Sizes: one array of 1e3 to 2.5e7
elements, and many small arrays. `--benchmark-group-by=group` puts the backends side by side.
"""

from typing import Any

import numpy as np
import pytest
from bench.ceiling import Streams, compiler

import fastopt
from fastopt.bench.arrays import arrays
from fastopt.bench.turns import in_turn
from fastopt.registry import ALGORITHMS

SHAPES = {
    "1e3": [1_000],
    "1e4": [10_000],
    "1e5": [100_000],
    "1e6": [1_000_000],
    "2.5e7": [25_000_000],
    "1000x1e3": [1_000] * 1_000,
}


@pytest.mark.parametrize("backend", ["native", "numba", "numpy"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_step(benchmark: Any, name: str, dtype: str, shape: str, backend: str, threads: int) -> None:
    params, grads = arrays(SHAPES[shape], dtype, name)
    opt = fastopt.get(name, params, backend=backend)
    benchmark.group = f"{name} {dtype} {shape}"
    opt.step(grads)
    benchmark.pedantic(opt.step, (grads,), rounds=9, iterations=_iterations(params), warmup_rounds=1)

    states = list(opt.state["0"].values())
    moved = sum(p.nbytes for p in params) * (
        3 + 2 * len(states)
    )  # g and p read, p written; states both
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["GB/s"] = round(moved / seconds / 1e9, 2)
    if len(params) == 1 and compiler():
        streams = Streams(grads[0], params[0], states)
        ceiling = in_turn({"add": lambda: streams.add(threads)}, rounds=7)["add"]
        benchmark.extra_info["of ceiling"] = f"{ceiling / seconds:.0%}"


def _iterations(params: list[np.ndarray[Any, Any]]) -> int:
    return max(1, 200_000 // sum(p.size for p in params))
