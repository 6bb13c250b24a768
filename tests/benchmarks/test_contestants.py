"""The contestants of the benchmarks take the same steps: otherwise a ratio would say nothing."""

from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.bench import handwritten, pipeline
from fastopt.bench.arrays import copies

OPTIONS: dict[str, dict[str, Any]] = {
    "adagrad": {"lr": 1e-3},
    "rmsprop": {"lr": 1e-3},
    "nadam": {"momentum_decay": None},
}
RNG = np.random.default_rng(0)
PARAMS = [RNG.standard_normal(n, np.float32) for n in (30, 7)]
GRADS = [RNG.standard_normal(p.size, np.float32) for p in PARAMS]


@pytest.mark.parametrize("name", handwritten.BY_NAME)
def test_numpy_by_hand_takes_our_step(name: str) -> None:
    ours, theirs = copies(PARAMS), copies(PARAMS)
    opt = fastopt.get(name, ours, **OPTIONS.get(name, {}))
    step = handwritten.stepper(name, theirs, GRADS)
    for _ in range(3):
        opt.step(GRADS)
        step()
    for a, b in zip(ours, theirs, strict=True):
        # float32, in another order of operations
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stages", pipeline.PIPELINES)
def test_numpy_by_hand_does_all_that_our_pipeline_does(stages: tuple[str, ...]) -> None:
    ours, theirs = copies(PARAMS), copies(PARAMS)
    for make, params in ((pipeline.ours, ours), (pipeline.by_hand, theirs)):
        before, call = make(stages, params, GRADS)
        for _ in range(3):
            before()
            call()
    for p, a, b in zip(PARAMS, ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # as above
        assert np.abs(a - p).max() > 1e-3
