"""Schedule-Free SGD and AdamW against the package of the paper's authors, in float64 over 200 steps."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import fastopt
from fastopt.optimizers.schedule_free import ScheduleFree

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

torch = pytest.importorskip("torch")
schedulefree = pytest.importorskip("schedulefree")

STEPS = 200
EVERY = 20  # steps from one comparison to the next

# The same operations in another order; the largest measured is 3.3e-15.
TOLERANCE = 1e-12

CASES: dict[str, list[dict[str, Any]]] = {
    "SGDScheduleFree": [
        {},
        {"lr": 0.1, "momentum": 0.7},
        {"lr": 0.1, "warmup_steps": 30},
        {"lr": 0.1, "weight_decay": 0.1, "warmup_steps": 7, "r": 1.0},
        {"lr": 0.05, "momentum": 0.98, "warmup_steps": 50, "r": 0.5, "weight_lr_power": 0.0},
        {"lr": 0.1, "weight_decay": 0.01, "warmup_steps": 50, "r": 2.5, "weight_lr_power": 1.5},
        {"lr": 0.0},
    ],
    "AdamWScheduleFree": [
        {},
        {"betas": (0.7, 0.9), "eps": 1e-3},
        {"lr": 0.02, "weight_decay": 0.3},
        {"warmup_steps": 30, "weight_decay": 0.1, "r": 1.0},
        {"betas": (0.98, 0.99), "warmup_steps": 50, "r": 0.5, "weight_lr_power": 0.0},
        {"weight_decay": 0.01, "warmup_steps": 50, "r": 2.5, "weight_lr_power": 1.5, "eps": 0.1},
        {"lr": 0.0},
    ],
}
STATES = {"z": "z", "v": "exp_avg_sq"}


def listed() -> list[Any]:
    return [
        pytest.param(name, given, id=f"{name}-{','.join(given) or 'defaults'}")
        for name, cases in CASES.items()
        for given in cases
    ]


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize(("name", "given"), listed())
def test_y_x_and_state(
    name: str,
    given: dict[str, Any],
    foreach: bool,
    problem: "ProblemMaker",
    difference: "Difference",
) -> None:
    some = problem(STEPS, absent=False)  # the package counts the steps of all arrays together
    ours = some.parameters()
    theirs = {key: torch.tensor(p) for key, p in ours.items()}
    opt: Any = fastopt.get(name, ours, **given)
    peer = getattr(schedulefree, name)(list(theirs.values()), foreach=foreach, **given)
    peer.train()
    for k, grads in enumerate(some.grads):
        opt.step(grads)
        for key, g in grads.items():
            theirs[key].grad = torch.tensor(g)
        peer.step()
        if (k + 1) % EVERY and k >= 3:
            continue
        for key, p in theirs.items():
            assert difference(ours[key], p.numpy()) <= TOLERANCE, f"y of {key} at step {k + 1}"
            for part, array in opt.state[key].items():
                assert difference(array, peer.state[p][STATES[part]].numpy()) <= TOLERANCE
        before = {key: p.clone() for key, p in theirs.items()}
        peer.eval()
        opt.eval()
        for key, p in theirs.items():
            assert difference(ours[key], p.numpy()) <= TOLERANCE, f"x of {key} at step {k + 1}"
        opt.train()
        peer.train()  # goes back up to rounding: let it go on from where it was
        for key, p in theirs.items():
            p.copy_(before[key])


@pytest.mark.parametrize("name", CASES)
def test_defaults(name: str) -> None:
    opt: Any = fastopt.get(name, [np.zeros(3)])
    peer = getattr(schedulefree, name)([torch.zeros(3)])
    assert isinstance(opt, ScheduleFree)
    for key in (
        "lr",
        "momentum",
        "betas",
        "eps",
        "weight_decay",
        "warmup_steps",
        "r",
        "weight_lr_power",
    ):
        if key in peer.defaults:
            assert getattr(opt, key) == peer.defaults[key], key


def test_parameters_that_are_loaded_before_the_first_step_count(difference: "Difference") -> None:
    p, g = np.zeros(5), np.linspace(-1.0, 1.0, 5)
    q = torch.zeros(5, dtype=torch.float64)
    opt, peer = fastopt.SGDScheduleFree(p), schedulefree.SGDScheduleFree([q])
    peer.train()
    p[...] = np.arange(5.0)
    q.copy_(torch.arange(5.0))
    for _ in range(3):
        opt.step(g)
        q.grad = torch.tensor(g)
        peer.step()
    assert difference(p, q.numpy()) <= TOLERANCE


def test_weights_out_of_range_are_refused_where_the_package_overflows() -> None:
    with pytest.raises(ValueError, match=r"r is 1000\.0; it must be a finite number >= 0 and <= 16"):
        fastopt.SGDScheduleFree(np.zeros(3), r=1000.0)
    peer = schedulefree.SGDScheduleFree([q := torch.zeros(3)], r=1000.0)
    peer.train()
    q.grad = torch.ones(3)
    peer.step()
    peer.step()
    with pytest.raises(OverflowError):
        peer.step()
