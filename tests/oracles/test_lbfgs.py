"""L-BFGS beside torch.optim.LBFGS, in float64, on the same function."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from support.functions import model, softmax

import fastopt
from fastopt.closure import Point, strong_wolfe

torch: Any = pytest.importorskip("torch")
of_torch: Any = import_module("torch.optim.lbfgs")  # a class hides it

CASES: list[dict[str, Any]] = [
    {"lr": 0.08, "max_iter": 5, "history_size": 4},
    {"lr": 0.1, "max_iter": 7, "max_eval": 4, "history_size": 1},
    {"lr": 0.07, "max_iter": 1, "history_size": 10},
    {"lr": 0.8, "max_iter": 20, "tolerance_grad": 1e-3, "tolerance_change": 1e-5},
    {"lr": 0.9, "max_iter": 5, "history_size": 4, "line_search_fn": "strong_wolfe"},
    {"lr": 0.7, "max_iter": 7, "max_eval": 4, "history_size": 1, "line_search_fn": "strong_wolfe"},
    {"lr": 4.0, "max_iter": 9, "tolerance_change": 1e-5, "line_search_fn": "strong_wolfe"},
    {"lr": 0.05, "max_iter": 9, "max_eval": 1, "line_search_fn": "strong_wolfe"},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_torch(options: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    ours = model()
    copies = {name: p.copy(order="C") for name, p in ours.items()}
    theirs = {name: torch.from_numpy(p) for name, p in copies.items()}
    opt = fastopt.LBFGS(ours, **options)
    other = torch.optim.LBFGS(theirs.values(), **options)
    state = other.state[theirs["w"]]

    def closure() -> float:
        loss, grads = softmax(copies)()
        for name, p in theirs.items():
            p.grad = torch.from_numpy(grads[name].copy(order="C"))
        return loss

    for _ in range(200 // options["max_iter"]):
        loss: Any = other.step(closure)
        opt.step(softmax(ours))
        assert opt.loss == pytest.approx(loss, rel=1e-12)
        for name, p in ours.items():
            # Sums of products are added up in another order there.
            assert np.abs(p - copies[name]).max(initial=0.0) <= 1e-12, (state["n_iter"], name)
    assert opt.evaluations == state["func_evals"]
    assert opt.state_dict()["carried"]["LBFGS"]["iterations"] == state["n_iter"]


@pytest.mark.parametrize("most", [0, 3, 25])
def test_the_line_search(most: int) -> None:
    """On waves in one dimension, where all of its branches are taken."""
    rng = np.random.default_rng(9)  # seeds with points too near for a cubic go apart by rounding
    for _ in range(300):
        a, b, c, first = rng.uniform([0.0, 0.5, -3.0, 0.01], [2.0, 9.0, -0.1, 3.0])

        def wave(t: float, a: float = a, b: float = b, c: float = c) -> tuple[float, float]:
            return a * np.sin(b * t) + 0.05 * t * t + c * t, a * b * np.cos(b * t) + 0.1 * t + c

        def look(t: float, wave: Any = wave) -> Point:
            loss, slope = wave(t)
            return Point(t, loss, np.array([slope]), slope)

        def theirs(x: Any, t: Any, d: Any, wave: Any = wave) -> tuple[float, torch.Tensor]:
            loss, slope = wave(float(t))
            return float(loss), torch.tensor([slope], dtype=torch.float64)

        start = look(0.0)
        if start.slope >= 0.0:
            continue
        g, one = torch.from_numpy(start.g), torch.ones(1, dtype=torch.float64)
        expected = of_torch._strong_wolfe(theirs, None, first, one, start.loss, g, g[0], max_ls=most)
        found, evaluations = strong_wolfe(look, start, first, most, 1.0, 1e-9)
        # A cubic's minimum has rounding of the losses, whose difference it divides.
        assert found.t == pytest.approx(float(expected[2]), rel=1e-9, abs=1e-12)
        assert found.loss == pytest.approx(float(expected[0]), rel=1e-9, abs=1e-12)
        assert evaluations == expected[3]
