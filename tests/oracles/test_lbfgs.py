"""L-BFGS beside torch.optim.LBFGS, in float64, on the same function."""

from typing import Any

import numpy as np
import pytest
import torch
from support.functions import model, softmax

import fastopt

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
