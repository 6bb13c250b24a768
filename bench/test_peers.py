"""The same step by other libraries, those that are installed (extra `peers`)."""

from functools import partial
from typing import Any

import pytest

import fastopt
from fastopt.bench import handwritten
from fastopt.bench.arrays import Array, arrays
from fastopt.bench.peers import PEERS, MakeStep
from fastopt.bench.turns import Call, Prepared
from fastopt.registry import ALGORITHMS

SHAPES = {"1e3": [1_000], "1e6": [1_000_000], "2.5e7": [25_000_000], "1000x1e3": [1_000] * 1_000}


def ours(name: str, params: list[Array], grads: list[Array], threads: int) -> Call:
    return partial(fastopt.get(name, params).step, grads)


def by_hand(name: str, params: list[Array], grads: list[Array], threads: int) -> Call:
    return handwritten.stepper(name, params, grads)


MAKERS: dict[str, tuple[str, MakeStep]] = {
    "fastopt": ("fastopt", ours),
    **{label: (peer.module, peer.step) for label, peer in PEERS.items()},
    "by hand": ("numpy", by_hand),
}


def measured(benchmark: Any, peer: str, name: str, sizes: list[int], threads: int) -> None:
    module, make = MAKERS[peer]
    pytest.importorskip(module)
    params, grads = arrays(sizes, algorithm=name)
    step = make(name, params, grads, threads)
    if step is None:
        pytest.skip(f"{peer} has no {name}")
    rounds = {"rounds": 9, "warmup_rounds": 2}
    if isinstance(step, Prepared):
        benchmark.pedantic(step.call, setup=step.before, iterations=1, **rounds)
    else:
        benchmark.pedantic(step, iterations=max(1, 100_000 // sum(sizes)), **rounds)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", MAKERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_adam(benchmark: Any, shape: str, peer: str, threads: int) -> None:
    benchmark.group = f"adam float32 {shape}"
    measured(benchmark, peer, "adam", SHAPES[shape], threads)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", ["fastopt", "torch fused", "torch", "by hand"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm(benchmark: Any, name: str, peer: str, threads: int) -> None:
    benchmark.group = f"{name} float32 4e6"
    measured(benchmark, peer, name, [4_000_000], threads)
