"""The same step by other libraries, those that are installed (extra `peers`)."""

from collections.abc import Callable
from typing import Any

import pytest
from bench import handwritten, peers

import fastopt
from fastopt.registry import ALGORITHMS

SHAPES = {"1e3": [1_000], "1e6": [1_000_000], "2.5e7": [25_000_000], "1000x1e3": [1_000] * 1_000}
Make = Callable[[list[Any], list[Any], int], Callable[[], Any]]


def fastopt_step(params: list[Any], grads: list[Any]) -> Callable[[], Any]:
    opt = fastopt.Adam(params)
    return lambda: opt.step(grads)


MAKERS: dict[str, tuple[str, Make]] = {
    "fastopt": ("fastopt", lambda p, g, n: fastopt_step(p, g)),
    "torch-fused": ("torch", lambda p, g, n: peers.torch_step("adam", p, g, n, fused=True)),
    "torch-default": ("torch", lambda p, g, n: peers.torch_step("adam", p, g, n)),
    "optax": ("optax", lambda p, g, n: peers.optax_step(p, g)),
    "thinc": ("thinc", lambda p, g, n: peers.thinc_step(p, g)),
    "scikit-learn": ("sklearn", lambda p, g, n: peers.sklearn_step(p, g)),
    "by hand": ("numpy", lambda p, g, n: handwritten.stepper("adam", p, g)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", MAKERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_adam(benchmark: Any, shape: str, peer: str, threads: int) -> None:
    module, make = MAKERS[peer]
    pytest.importorskip(module)
    params, grads = peers.arrays(SHAPES[shape], "float32")
    step = make(params, grads, threads)
    benchmark.group = f"adam float32 {shape}"
    benchmark.pedantic(
        step, rounds=9, iterations=max(1, 100_000 // sum(map(len, params))), warmup_rounds=2
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", ["fastopt", "torch", "by hand"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm(benchmark: Any, name: str, peer: str, threads: int) -> None:
    params, grads = peers.arrays([4_000_000], "float32")
    benchmark.group = f"{name} float32 4e6"
    step: Callable[[], Any]
    if peer == "torch":
        pytest.importorskip("torch")
        step = peers.torch_step(name, params, grads, threads, fused=name in peers.FUSED or None)
    elif peer == "fastopt":
        opt = fastopt.get(name, params)

        def step() -> None:
            opt.step(grads)
    else:
        step = handwritten.stepper(name, params, grads)
    benchmark.pedantic(step, rounds=9, iterations=1, warmup_rounds=2)
