"""Averages against torch.optim.swa_utils.AveragedModel, in float64 over 200 steps."""

from typing import Any

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch")
swa_utils = pytest.importorskip("torch.optim.swa_utils")

STEPS = 200
# torch adds (p - e) / (n + 1) to e, or lerps, where we weigh both; and its steps are rounded in another
# order. A few units of 1e-16 a step; the largest measured is 3.9e-14.
TOLERANCE = 1e-12


def largest_difference(ours: Any, averaged: Any) -> float:
    theirs = [x.detach().numpy() for x in averaged.module.parameters()]
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def model_of(params: list[Any]) -> Any:
    tensors = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    return torch.nn.ParameterList(tensors)


@pytest.mark.parametrize(("start", "every"), [(0, 1), (1, 1), (50, 1), (50, 7), (199, 3), (300, 1)])
def test_equal_average(start: int, every: int) -> None:
    rng = np.random.default_rng(start + every)
    params = [rng.standard_normal((20, 30)), rng.standard_normal(7)]
    opt = fastopt.SGD(params, lr=0.1, momentum=0.9, swa_start=start, swa_every=every)
    model = model_of(params)
    theirs = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    averaged = swa_utils.AveragedModel(model)
    if start == 0:
        averaged.update_parameters(model)
    for step in range(1, STEPS + 1):
        grads = [rng.standard_normal(p.shape) for p in params]
        opt.step(grads)
        for tensor, g in zip(model.parameters(), grads, strict=True):
            tensor.grad = torch.from_numpy(g)
        theirs.step()
        if step >= start and (step - start) % every == 0:
            averaged.update_parameters(model)
        if step < start:
            assert largest_difference(opt.swa_state, averaged) > 0.1, "torch's is that of the beginning"
            assert all(np.array_equal(e, p) for e, p in zip(opt.swa_state, params, strict=True))
        else:
            assert largest_difference(opt.swa_state, averaged) <= TOLERANCE


def test_moving_average() -> None:
    rng = np.random.default_rng(0)
    params = [rng.standard_normal((20, 30)), rng.standard_normal(7)]
    opt = fastopt.SGD(params, lr=0.1, ema=0.97)
    model = model_of(params)
    averaged = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.97))
    averaged.update_parameters(model)  # its first update copies
    for _ in range(STEPS):
        opt.step([rng.standard_normal(p.shape) for p in params])
        for tensor, p in zip(model.parameters(), params, strict=True):
            tensor.data = torch.from_numpy(p.copy())
        averaged.update_parameters(model)
        assert largest_difference(opt.ema_state, averaged) <= TOLERANCE
