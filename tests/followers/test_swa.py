"""swa_start: the equal average of the weights from a step on."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import Array, assert_same, gradients, model

import fastopt

STEPS = 23


def train(opt: fastopt.Optimizer, p: Array) -> list[Array]:
    """Take some steps; give the parameters before the first and after each."""
    rng = np.random.default_rng(0)
    seen = [p.copy()]
    for _ in range(STEPS):
        opt.step(rng.standard_normal(p.shape))
        seen.append(p.copy())
    return seen


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("start", [0, 1, 2, 7, 22, 23])
def test_the_mean_of_the_weights(start: int, every: int, backend: str) -> None:
    p = np.linspace(-1.0, 1.0, 50)
    opt = fastopt.SGD(p, lr=1.0, swa_start=start, swa_every=every, backend=backend)
    seen = train(opt, p)
    wanted = np.mean(seen[start::every], axis=0)
    np.testing.assert_allclose(opt.swa_state, wanted, rtol=1e-12, atol=1e-14)  # order of sums


def test_until_then_it_is_the_parameters(backend: str) -> None:
    p = model(np.float32)
    opt = fastopt.Adam(p, lr=0.1, swa_start=3, swa_every=2, backend=backend)
    assert_same(opt.swa_state, p, "the average")
    assert not any(np.shares_memory(opt.swa_state[k], p[k]) for k in p)
    for seed in (1, 2, 3):
        opt.step(gradients(np.float32, seed))
        assert_same(opt.swa_state, p, "the average")
    third = {k: v.copy(order="K") for k, v in p.items()}
    opt.step(gradients(np.float32, 4))
    assert_same(opt.swa_state, third, "the average, which has not been due")


def test_parameters_without_a_gradient_are_averaged_too(backend: str) -> None:
    p = [np.ones(3), np.ones(3)]
    opt = fastopt.SGD(p, lr=1.0, swa_start=0, backend=backend)
    opt.step([np.ones(3), np.ones(3)])
    opt.step([np.full(3, 5.0), None])
    opt.step([None, None])
    assert [x[0] for x in p] == [-5.0, 0.0]
    assert [x[0] for x in opt.swa_state] == [(1.0 + 0.0 - 5.0 - 5.0) / 4, 0.25]


def test_steps_are_counted_that_are_taken(backend: str) -> None:
    p = np.ones(2)
    options: dict[str, Any] = {"nonfinite": "skip", "gradient_accumulation_steps": 2}
    opt = fastopt.SGD(p, lr=1.0, swa_start=1, backend=backend, **options)
    for g in (1.0, 1.0, np.nan, 1.0, 3.0, 3.0):
        opt.accumulate(np.full(2, g))
    assert (opt.step_count, opt.skipped, p[0]) == (2, 1, -3.0)
    assert opt.swa_state.tolist() == [-1.5, -1.5]


def test_swapped_in_and_back(backend: str) -> None:
    p = np.ones(4)
    opt = fastopt.SGD(p, lr=1.0, swa_start=1, backend=backend)
    for g in (1.0, 2.0):
        opt.step(np.full(4, g))
    with opt.averaged():
        assert p.tolist() == [-1.0] * 4
        assert opt.swa_state.tolist() == [-2.0] * 4
    assert p.tolist() == [-2.0] * 4
    with pytest.raises(ValueError, match=r"no averages of ema: make the optimizer with ema=0\.999$"):
        _ = opt.ema_state


def test_the_structure_is_that_of_the_parameters() -> None:
    nested: Any = {"x": [np.ones(2), (np.asfortranarray(np.ones((2, 3))),)]}
    opt = fastopt.SGD(nested, swa_start=1)
    assert type(opt.swa_state["x"][1]) is tuple
    assert opt.swa_state["x"][1][0].strides == nested["x"][1][0].strides
    assert np.shares_memory(opt.swa_state["x"][0], opt.swa_state["x"][0])
