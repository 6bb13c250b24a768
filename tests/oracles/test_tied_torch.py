"""Tied weights against PyTorch, where a weight that is used twice has one gradient."""

from typing import Any

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch")

# Both compute in double, and gradients by other operations: the largest difference measured is 2.3e-16.
TOLERANCE = 1e-13
STEPS = 50


def gradients(w: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Compute the gradients of the mean square of (x @ w) @ w.T - y at both places, by hand."""
    hidden = x @ w
    back = 2 * (hidden @ w.T - y) / y.size
    return x.T @ (back @ w), hidden.T @ back


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.01, "amsgrad": True}),
    ],
)
def test_an_autoencoder_with_tied_weights(name: str, options: dict[str, Any], backend: str) -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((6, 4)) / 3, rng.standard_normal((20, 6))
    theirs = torch.nn.Parameter(torch.from_numpy(w.copy()))
    optimizer = getattr(torch.optim, name)([theirs], foreach=False, **options)
    params = {"encode": w, "decode": w.T}
    opt = getattr(fastopt, name)(params, tied="add", backend=backend, **options)
    data = torch.from_numpy(x)
    for _ in range(STEPS):
        encode, decode = gradients(w, x, x)
        opt.step({"encode": encode, "decode": decode})
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(data @ theirs @ theirs.T, data).backward()
        optimizer.step()
    np.testing.assert_allclose(w, theirs.detach().numpy(), rtol=0, atol=TOLERANCE)
