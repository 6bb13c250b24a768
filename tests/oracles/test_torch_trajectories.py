"""fastopt.torch against torch's own loop: every option, groups, schedulers, closures, states moved."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fastopt import torch as fused  # noqa: E402 - which imports torch

# Both compute in double, by the same operations in another order: see tests/oracles/test_torch.py.
TOLERANCE = 1e-12
STEPS = 200
SHAPES = [(5, 7), (11,), (), (3, 2, 2), (6,)]

# No option at its default, and each combination that makes another rule.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.03, "weight_decay": 0.02, "maximize": True}),
    ("SGD", {"lr": 0.03, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.03, "momentum": 0.8, "nesterov": True}),
    (
        "Adagrad",
        {
            "lr": 0.05,
            "lr_decay": 0.1,
            "weight_decay": 0.1,
            "initial_accumulator_value": 0.3,
            "eps": 1e-3,
        },
    ),
    ("Adadelta", {"lr": 0.7, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "momentum": 0.7, "centered": True}),
    ("Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("AdamW", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-4, "weight_decay": 0.2, "maximize": True}),
    ("Adamax", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    (
        "NAdam",
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "momentum_decay": 0.02},
    ),
    ("NAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.02, "etas": (0.4, 1.3), "step_sizes": (1e-4, 2.0), "maximize": True}),
    ("ASGD", {"lr": 0.02, "lambd": 0.01, "alpha": 0.6, "t0": 20, "weight_decay": 0.1}),
    (
        "Adafactor",
        {"lr": 0.02, "beta2_decay": -0.6, "eps": (1e-20, 1e-2), "d": 1.4, "weight_decay": 0.1},
    ),
]


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def model() -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def groups(params: list[Any]) -> list[dict[str, Any]]:
    return [{"params": params[:2], "lr": 0.01}, {"params": params[2:]}]


def gradients(params: list[Any], step: int) -> None:
    """Set gradients of many sizes; the last two parameters sit out some steps."""
    generator = torch.Generator().manual_seed(step)
    for k, p in enumerate(params):
        g = torch.randn(p.shape, generator=generator) * 10.0 ** (step % 5 - 2)
        late, rare = k == 3 and step < 4, k == 4 and step % 3 == 1
        p.grad = None if late or rare else g


def gap(ours: list[Any], theirs: list[Any]) -> float:
    pairs = zip(ours, theirs, strict=True)
    gaps: list[float] = [((a - b).abs().max() / b.abs().max()).item() for a, b in pairs]
    return max(gaps)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_same_trajectory(name: str, options: dict[str, Any]) -> None:
    """Move states to and fro on the way, and let schedulers write hyperparameters."""
    both = model(), model()
    ours = getattr(fused, name)(groups(both[0]), **options)
    theirs = getattr(torch.optim, name)(groups(both[1]), foreach=False, **options)
    assert isinstance(ours, type(theirs))
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(each, 150) for each in (ours, theirs)]
    for step in range(STEPS):
        if step in (50, 150):
            ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
        if step == 100:
            theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
        for params, optimizer, scheduler in zip(both, (ours, theirs), schedulers, strict=True):
            gradients(params, step)
            optimizer.step()
            if name != "ASGD":  # whose steps torch makes with the learning rate of the step before
                scheduler.step()
        assert gap(*both) <= TOLERANCE, step
    for p, q in zip(*both, strict=True):
        mine, other = ours.state[p], theirs.state[q]
        assert mine.keys() == other.keys()
        for key in other:
            assert mine[key].shape == other[key].shape
            assert mine[key].dtype == other[key].dtype
            torch.testing.assert_close(mine[key], other[key], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("scheduler", ["OneCycleLR", "CyclicLR"])
def test_schedulers_that_write_momentum(scheduler: str) -> None:
    both = model(), model()
    optimizers = [
        make(params, lr=0.1, betas=(0.8, 0.95))
        for make, params in zip((fused.AdamW, torch.optim.AdamW), both, strict=True)
    ]
    options = {
        "OneCycleLR": {"max_lr": 0.1, "total_steps": 40},
        "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7},
    }[scheduler]
    schedulers = [getattr(torch.optim.lr_scheduler, scheduler)(each, **options) for each in optimizers]
    for step in range(30):
        for params, optimizer, each in zip(both, optimizers, schedulers, strict=True):
            gradients(params, step)
            optimizer.step()
            each.step()
        assert gap(*both) <= TOLERANCE


def test_a_learning_rate_that_is_a_tensor() -> None:
    both = model(), model()
    rates = torch.tensor(0.1), torch.tensor(0.1)
    ours, theirs = (
        fused.Adam(both[0], lr=rates[0]),
        torch.optim.Adam(both[1], lr=rates[1], foreach=False),
    )
    for step in range(20):
        for params, optimizer, lr in zip(both, (ours, theirs), rates, strict=True):
            gradients(params, step)
            lr.fill_(0.1 / (1 + step))
            optimizer.step()
        assert gap(*both) <= TOLERANCE


def test_an_option_that_makes_another_rule() -> None:
    both = model(), model()
    ours, theirs = fused.SGD(both[0], lr=0.1), torch.optim.SGD(both[1], lr=0.1, foreach=False)
    for step in range(30):
        for params, optimizer in zip(both, (ours, theirs), strict=True):
            gradients(params, step)
            if step == 10:
                optimizer.param_groups[0]["momentum"] = 0.9
            if step == 20:
                optimizer.param_groups[0]["nesterov"] = True
            optimizer.step()
        assert gap(*both) <= TOLERANCE


def test_closures() -> None:
    def trained(make: Any) -> tuple[list[Any], list[float]]:
        params, losses = model(), []
        optimizer = make(params, lr=0.05)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = sum(((p - 1) ** 2).sum() for p in params)
            loss.backward()
            return loss

        for _ in range(20):
            losses.append(optimizer.step(closure).item())
        return params, losses

    ours, theirs = trained(fused.NAdam), trained(torch.optim.NAdam)
    assert gap(ours[0], theirs[0]) <= TOLERANCE
    assert ours[1] == pytest.approx(theirs[1], rel=TOLERANCE)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep torch's threads from waiting for each other where other tests run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_run_has_the_losses_of_torch(one_thread: None) -> None:
    """A perceptron learns digits; in float32, rounding parts torch's loop from its own fused kernel."""
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = map(torch.from_numpy, datasets.load_digits(return_X_y=True))
    losses: list[list[float]] = []
    for kind in (fused.AdamW, torch.optim.AdamW):
        torch.manual_seed(0)
        first, second, last = [torch.nn.Linear(*size) for size in [(64, 256), (256, 256), (256, 10)]]
        model = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.ReLU(), last)
        optimizer = kind(model.parameters(), lr=1e-3)
        losses.append([])
        for rows in [rows for _ in range(3) for rows in torch.randperm(len(x)).split(64)]:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x[rows] / 16.0), y[rows])
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    ours, theirs = map(torch.tensor, losses)
    assert ours[-1] < 0.5 * ours[0]
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=TOLERANCE)
