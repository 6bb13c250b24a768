"""Every class of fastopt.torch has the bits of fastopt on arrays, also across a saved state."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch")

from fastopt import torch as fused  # noqa: E402 - which imports torch

SHAPES = [(6, 4), (5, 5), (4, 3)]  # matrices, which all algorithms take
STEPS = 6


@pytest.fixture(autouse=True)
def default_dtype() -> Iterator[None]:
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


def start(dtype: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def gradients(dtype: Any, step: int) -> list[Any]:
    rng = np.random.default_rng(step + 1)
    found: list[Any] = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    return [None, *found[1:]] if step == 2 else found


def stepped(optimizer: Any, params: list[Any], given: list[Any], loss: float) -> None:
    for p, g in zip(params, given, strict=True):
        p.grad = None if g is None else torch.from_numpy(g.copy())
    optimizer.step(**({"loss": loss} if optimizer.algorithm.takes_loss else {}))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", fused.__all__)
def test_the_bits_of_fastopt(name: str, dtype: Any) -> None:
    """Save and load halfway, by the ways of torch; all numbers of the state are exact there."""
    torch.set_default_dtype(getattr(torch, np.dtype(dtype).name))  # of mu_product of NAdam
    kind = fastopt.optimizers.CLASSES[name]
    arrays = start(dtype)
    defaults = getattr(fused, name)([torch.zeros(2, 2)]).defaults
    options: dict[str, Any] = {"weight_decay": 0.1} if "weight_decay" in defaults else {}
    opt = kind(arrays, **options)
    params = [torch.nn.Parameter(torch.from_numpy(a.copy())) for a in start(dtype)]
    optimizer = getattr(fused, name)(params, **options)
    for step in range(STEPS):
        given, loss = gradients(dtype, step), 1.0 / (1 + step)
        if kind.takes_estimate and step % 2 == 0:
            estimates = gradients(dtype, 10 + step)
            opt.estimate(estimates)
            optimizer.estimate([None if h is None else torch.from_numpy(h.copy()) for h in estimates])
        opt.step(given, loss=loss if kind.takes_loss else None)
        stepped(optimizer, params, given, loss)
        if step == STEPS // 2:
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            file.seek(0)
            optimizer = getattr(fused, name)(params, **options)
            optimizer.load_state_dict(torch.load(file))
        for p, a in zip(params, arrays, strict=True):
            assert p.detach().numpy().tobytes() == a.tobytes(), step
