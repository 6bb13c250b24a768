"""Muon, NorMuon and AdaMuon in float64: torch's, and the papers' formulas transcribed by hand."""

from math import sqrt
from typing import Any

import numpy as np
import pytest

import fastopt

SHAPES = ((5, 4), (4, 7), (3, 3))
STEPS = 30
# Products are summed in another order; the largest measured share of the way is 2.3e-11.
TOLERANCE = 1e-9
JORDAN = (3.4445, -4.7750, 2.0315)


def gradients(step: int) -> list[Any]:
    rng = np.random.default_rng([5, step])
    return [rng.standard_normal(shape) for shape in SHAPES]


def far(ours: list[Any], theirs: list[Any]) -> float:
    """Return the largest difference, as a share of the largest way from the beginning."""
    each = zip(ours, theirs, gradients(0), strict=True)
    return max(float(np.abs(p - q).max() / np.abs(q - p0).max()) for p, q, p0 in each)


def newton_schulz(g: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """Iterate in the dtype of g, NumPy's or torch's; torch itself takes bfloat16."""
    a, b, c = coefficients
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / max(float((x * x).sum()) ** 0.5, eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if g.shape[0] > g.shape[1] else x


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.3, "momentum": 0.8, "nesterov": False},
        {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3, "eps": 1e-3},
    ],
    ids=str,
)
def test_torch(options: dict[str, Any], backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("torch.optim._muon")
    monkeypatch.setattr(module, "_zeropower_via_newtonschulz", newton_schulz)
    ours = gradients(0)
    tensors = [torch.tensor(p, requires_grad=True) for p in gradients(0)]
    opt, oracle = fastopt.Muon(ours, backend=backend, **options), torch.optim.Muon(tensors, **options)
    for k in range(1, STEPS + 1):
        for p, g in zip(tensors, gradients(k), strict=True):
            p.grad = torch.tensor(g)
        opt.step(gradients(k))
        oracle.step()
    assert far(ours, [p.detach().numpy() for p in tensors]) <= TOLERANCE


def normuon(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    s["m"] = h["momentum"] * s["m"] + (1 - h["momentum"]) * g
    o = newton_schulz((1 - h["momentum"]) * g + h["momentum"] * s["m"], JORDAN, h["ns_steps"], h["eps"])
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * np.mean(o * o, axis=1, keepdims=True)
    scaled = o / (np.sqrt(s["v"]) + 1e-10)
    scaled = scaled * np.linalg.norm(o) / np.linalg.norm(scaled) * sqrt(max(1, p.shape[0] / p.shape[1]))
    return p - h["lr"] * h["weight_decay"] * p - h["lr"] * scaled


def adamuon(p: Any, g: Any, s: dict[str, Any], h: dict[str, Any]) -> Any:
    s["m"] = h["momentum"] * s["m"] + (1 - h["momentum"]) * g
    ahead = (1 - h["momentum"]) * g + h["momentum"] * s["m"]
    o = newton_schulz(np.sign(ahead) if h["sign"] else ahead, JORDAN, h["ns_steps"], h["eps"])
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * o * o
    u = o / (np.sqrt(s["v"]) + h["eps"])
    u = 0.2 * sqrt(p.size) * u / (np.linalg.norm(u) + h["eps"])
    return p - h["lr"] * h["weight_decay"] * p - h["lr"] * u


OPTIONS = {"lr": 0.03, "momentum": 0.8, "beta2": 0.7, "eps": 1e-5, "weight_decay": 0.2, "ns_steps": 4}


@pytest.mark.parametrize(
    ("cls", "formula", "more"),
    [
        (fastopt.NorMuon, normuon, {}),
        (fastopt.AdaMuon, adamuon, {"sign": True}),
        (fastopt.AdaMuon, adamuon, {"sign": False}),
    ],
)
def test_formulas(cls: Any, formula: Any, more: dict[str, Any], backend: str) -> None:
    ours, exact = gradients(0), gradients(0)
    options = {**OPTIONS, **more}
    opt = cls(ours, backend=backend, **options)
    states: list[dict[str, Any]] = [{"m": 0.0, "v": 0.0} for _ in SHAPES]
    for k in range(1, STEPS + 1):
        opt.step(gradients(k))
        each = zip(exact, gradients(k), states, strict=True)
        exact = [formula(p, g, s, options) for p, g, s in each]
    assert far(ours, exact) <= TOLERANCE
