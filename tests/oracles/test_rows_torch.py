"""Gradients of rows against torch's sparse ones."""

from typing import Any

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch")

SHAPE = (40, 5)
CASES: list[tuple[str, dict[str, Any], type[Any], dict[str, Any]]] = [
    ("SparseAdam", {"eps": 0.1}, fastopt.Adam, {"eps_placement": "hat", "sparse": "lazy"}),
    ("SparseAdam", {"maximize": True}, fastopt.Adam, {"eps_placement": "hat", "sparse": "lazy"}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3}, fastopt.Adagrad, {}),
    ("SGD", {}, fastopt.SGD, {}),
]


@pytest.mark.parametrize(("theirs", "options", "ours", "more"), CASES, ids=str)
def test_the_steps_are_torchs(theirs: str, options: Any, ours: Any, more: Any) -> None:
    rng = np.random.default_rng(0)
    start = rng.standard_normal(SHAPE)
    if theirs == "SparseAdam":
        options = {**options, "betas": (0.8, 0.95)}
    p, tensor = start.copy(), torch.from_numpy(start.copy()).requires_grad_(True)
    opt = ours([p], lr=0.03, **options, **more)
    other = getattr(torch.optim, theirs)([tensor], lr=0.03, **options)
    with torch.sparse.check_sparse_tensor_invariants():  # of tensors that torch makes as well
        _step_both(opt, other, tensor, rng)
    assert np.abs(p - tensor.detach().numpy()).max() <= 1e-14  # some of 1e-16, in each of 6 steps


def _step_both(opt: Any, other: Any, tensor: Any, rng: np.random.Generator) -> None:
    for k in (3, 9, 40, 1, 7, 12):
        indices, values = rng.integers(0, SHAPE[0], k), rng.standard_normal((k, SHAPE[1]))
        rows = torch.from_numpy(indices)[None]
        tensor.grad = torch.sparse_coo_tensor(rows, torch.from_numpy(values), SHAPE)
        other.step()
        g = torch.sparse_coo_tensor(rows, torch.from_numpy(values), SHAPE).coalesce()
        opt.step([fastopt.RowGradient(g.indices()[0].numpy(), g.values().numpy())])
