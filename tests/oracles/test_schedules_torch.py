"""Schedules against those of torch, over their whole length and beyond it."""

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fastopt import schedules as s

if TYPE_CHECKING:
    from oracles.conftest import Difference

torch = pytest.importorskip("torch")
lr_scheduler = torch.optim.lr_scheduler

# Torch multiplies its way from step to step, which drifts by a unit of 1e-16 each time, and cyclic
# steps count whole cycles in the same double as the part of one. The largest measured is 3.5e-15.
TOLERANCE = 1e-12
STEPS = 150
LR = 0.1

Maker = Callable[[Any], Any]


def new_optimizer() -> Any:
    return torch.optim.SGD([torch.zeros(1)], lr=LR, momentum=0.9)


def running(make: Maker, steps: int = STEPS, key: str = "lr") -> list[float]:
    """Give what a scheduler sets, step after step."""
    optimizer = new_optimizer()
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(float(optimizer.param_groups[0][key]))
        optimizer.step()
        scheduler.step()
    return found


def closed(make: Maker) -> list[float]:
    """Give what a scheduler sets when it is told the step."""
    scheduler = make(new_optimizer())
    found = []
    for scheduler.last_epoch in range(STEPS):
        found.append(float(scheduler._get_closed_form_lr()[0]))
    return found


def poly(optimizer: Any) -> Any:
    return lr_scheduler.PolynomialLR(optimizer, 90, power=2.5)


def warmed(optimizer: Any) -> Any:
    return lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.LinearLR(optimizer, 0.2, total_iters=20),
            lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 30, eta_min=0.003),
            lr_scheduler.StepLR(optimizer, 7, 0.5),
        ],
        [20, 95],
    )


RUNNING: dict[s.Schedule, Maker] = {
    s.piecewise([40], [LR * 0.3, LR]): lambda o: lr_scheduler.ConstantLR(o, 0.3, 40),
    s.step(LR, 7, 0.3): lambda o: lr_scheduler.StepLR(o, 7, 0.3),
    s.multi_step(LR, [10, 11, 60], 0.7): lambda o: lr_scheduler.MultiStepLR(o, [10, 11, 60], 0.7),
    s.exponential(LR, 0.93): lambda o: lr_scheduler.ExponentialLR(o, 0.93),
    s.linear(LR * 0.2, 90, LR * 0.9): lambda o: lr_scheduler.LinearLR(o, 0.2, 0.9, 90),
    s.polynomial(LR, 90, power=2.5): poly,
    s.cosine_restarts(LR, 13, 1, 0.003): lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
        o, 13, eta_min=0.003
    ),
    s.cosine_restarts(LR, 7, 3, 0.003): lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
        o, 7, 3, 0.003
    ),
    s.join(
        [s.linear(LR * 0.2, 20, LR), s.cosine_restarts(LR, 30, 1, 0.003), s.step(LR, 7, 0.5)], [20, 95]
    ): warmed,
}


@pytest.mark.parametrize("schedule", RUNNING, ids=repr)
def test_running(schedule: s.Schedule, difference: "Difference") -> None:
    assert difference(schedule.values(STEPS), running(RUNNING[schedule])) <= TOLERANCE


CLOSED: dict[s.Schedule, Maker] = {
    s.cosine(LR, 40, 0.003, periodic=True): lambda o: lr_scheduler.CosineAnnealingLR(o, 40, 0.003),
    s.cosine(LR, 33, periodic=True): lambda o: lr_scheduler.CosineAnnealingLR(o, 33),
    s.polynomial(LR, 90, power=2.5): poly,
    s.multi_step(LR, [10, 11, 60], 0.7): lambda o: lr_scheduler.MultiStepLR(o, [10, 11, 60], 0.7),
}


@pytest.mark.parametrize("schedule", CLOSED, ids=repr)
def test_closed_form(schedule: s.Schedule, difference: "Difference") -> None:
    """Cosine annealing is compared with this form alone: beyond T_max, the running one divides by 0."""
    assert difference(schedule.values(STEPS), closed(CLOSED[schedule])) <= TOLERANCE


def test_running_cosine_up_to_its_end(difference: "Difference") -> None:
    theirs = running(lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS - 1, 0.003))
    assert difference(s.cosine(LR, STEPS - 1, 0.003).values(STEPS), theirs) <= TOLERANCE


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
@pytest.mark.parametrize(
    ("three_phase", "pct_start"), [(False, 0.3), (False, 0.71), (True, 0.3), (True, 0.123)]
)
def test_one_cycle(anneal: Any, three_phase: bool, pct_start: float, difference: "Difference") -> None:
    def make(optimizer: Any) -> Any:
        return lr_scheduler.OneCycleLR(
            optimizer,
            LR,
            STEPS,
            pct_start=pct_start,
            anneal_strategy="cos" if anneal == "cosine" else anneal,
            base_momentum=0.7,
            max_momentum=0.97,
            div_factor=10.0,
            final_div_factor=100.0,
            three_phase=three_phase,
        )

    rate = s.one_cycle(LR, STEPS, pct_start, 10.0, 100.0, three_phase, anneal)
    assert difference(rate.values(STEPS), running(make)) <= TOLERANCE
    momentum = s.one_cycle_momentum(STEPS, 0.7, 0.97, pct_start, three_phase, anneal)
    assert difference(momentum.values(STEPS), running(make, key="momentum")) <= TOLERANCE


def test_defaults_of_one_cycle(difference: "Difference") -> None:
    def make(optimizer: Any) -> Any:
        return lr_scheduler.OneCycleLR(optimizer, LR, STEPS)

    assert difference(s.one_cycle(LR, STEPS).values(STEPS), running(make)) <= TOLERANCE
    found = s.one_cycle_momentum(STEPS).values(STEPS)
    assert difference(found, running(make, key="momentum")) <= TOLERANCE


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
@pytest.mark.parametrize(("up", "down"), [(6, None), (9, 4), (3, 11)])
def test_cyclic(mode: Any, up: int, down: int | None, difference: "Difference") -> None:
    def make(optimizer: Any) -> Any:
        return lr_scheduler.CyclicLR(
            optimizer, 0.01, 0.3, up, down, mode, 0.97, base_momentum=0.7, max_momentum=0.97
        )

    rate = s.cyclic(0.01, 0.3, up, down, mode, 0.97)
    assert difference(rate.values(STEPS), running(make)) <= TOLERANCE
    momentum = s.cyclic(0.97, 0.7, up, down, mode, 0.97)
    assert difference(momentum.values(STEPS), running(make, key="momentum")) <= TOLERANCE


PLATEAUS: list[dict[str, Any]] = [
    {},
    {"factor": 0.5, "patience": 2, "cooldown": 3, "min_value": 0.01},
    {"mode": "max", "patience": 1, "threshold": 0.05},
    {"threshold_mode": "abs", "patience": 0, "threshold": 0.3, "eps": 1e-3},
    {"mode": "max", "threshold_mode": "abs", "patience": 3, "threshold": 0.2, "cooldown": 1},
    {"factor": 0.0, "patience": 4, "min_value": 0.02},
]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("given", PLATEAUS, ids=str)
def test_reduce_on_plateau(given: dict[str, Any], seed: int) -> None:
    """The same rule in the same order: the same bits."""
    rng = random.Random(seed)
    metrics = [rng.gauss(0.0, 1.0) + 2.0 * math.exp(-k / 30) for k in range(300)]
    for k, odd in ((20, math.nan), (21, math.inf), (40, -math.inf)):
        metrics[rng.randrange(k, 300)] = odd
    optimizer = new_optimizer()
    renamed = {{"min_value": "min_lr"}.get(key, key): value for key, value in given.items()}
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, **renamed)
    ours = s.reduce_on_plateau(LR, **given)
    for metric in metrics:
        before = optimizer.param_groups[0]["lr"]
        theirs.step(metric)
        after = optimizer.param_groups[0]["lr"]
        assert ours.observe(metric) is (after != before)
        assert ours(0) == after
    assert ours(0) < LR
    state = ours.state_dict()
    assert float(state["best"]) == theirs.best
    assert state["bad_observations"] == theirs.num_bad_epochs
    assert state["cooldown_left"] == theirs.cooldown_counter
