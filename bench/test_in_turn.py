"""Each step in turn with a matrix product, as training takes it: where other optimizers collapse."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.bench.arrays import arrays
from fastopt.bench.peers import torch as torch_peer
from fastopt.bench.turns import Call


@pytest.mark.parametrize("peer", ["fastopt", "torch-fused"])
@pytest.mark.parametrize(("size", "count"), [(512, 1_000_000), (1024, 4_000_000)])
@pytest.mark.parametrize("name", ["sgd", "adagrad", "adam"])
def test_in_turn(benchmark: Any, name: str, size: int, count: int, peer: str, threads: int) -> None:
    params, grads = arrays([count])
    if peer == "fastopt":
        step: Call = partial(fastopt.get(name, params).step, grads)
    else:
        pytest.importorskip("torch")
        step = torch_peer.step(name, params, grads, threads, fused=True)
    a = np.ones((size, size), np.float32)
    out = np.empty_like(a)

    def product() -> None:  # untimed: it runs before every round
        np.matmul(a, a, out=out)

    benchmark.group = f"{name} {count:.0e} after matmul {size}"
    benchmark.pedantic(step, setup=product, rounds=200, iterations=1, warmup_rounds=10)
