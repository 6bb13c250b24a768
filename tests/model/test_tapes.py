"""Scalars of a step that the extension computes as they were recorded are those of Python."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.schedule_cases import CASES, LONGEST, label
from support.steps import take_step
from support.variants import BY_NORM, variants
from support.variants import label as variant_label

import fastopt
from fastopt import schedules
from fastopt.model.tapes import LONGEST_PAUSE, Recordings
from fastopt.runtime.extension import native

pytestmark = pytest.mark.skipif(native is None, reason="there is no extension to do it again")

STEPS = 12


def both(name: str, options: Any, steps: int = STEPS, change: Any = None) -> list[Any]:
    """Train on both backends in doubles, whose bits tell of each bit of the scalars."""
    found = []
    for backend in ("native", "numpy"):
        rng = np.random.default_rng(0)
        params = [rng.standard_normal(5), rng.standard_normal(3)]
        opt = fastopt.get(name, params, backend=backend, **options)
        seen = []
        for k in range(steps):
            if change is not None:
                change(opt, k)
            take_step(opt, [rng.standard_normal(p.shape) for p in params])
            h = {key: repr(value) for key, value in vars(opt.groups[0].h).items()}
            states = [[*state] for state in opt.state.values()]  # of the rule that was chosen
            seen.append(([p.tobytes() for p in params], h, states, repr(opt.state_dict()["groups"])))
        found.append((opt, seen))
    (native_opt, first), (_, second) = found
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        assert a == b, k
    return [group.tape for group in native_opt.groups]


@pytest.mark.parametrize("variant", variants(), ids=variant_label)
def test_every_algorithm_with_every_option(variant: tuple[str, dict[str, Any]]) -> None:
    (tape,) = both(*variant)
    assert tape.failed == (variant[0] in BY_NORM)  # for which Python looks at each step


@pytest.mark.parametrize("schedule", CASES, ids=label)
def test_every_schedule(schedule: schedules.Schedule) -> None:
    if min(schedule.values(LONGEST + 9)) < 0.0:
        schedule = schedules.constant(0.0)
    tapes = both("adamw", {"lr": schedule, "weight_decay": 0.1}, LONGEST + 9)
    assert schedule.stateful or not tapes[0].failed


@pytest.mark.parametrize("nonfinite", ["propagate", "skip"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"momentum": schedules.linear(0.9, 9, 0.0), "lr": 0.1}),  # from one rule to another
        ("adam", {"betas": (schedules.cosine(0.9, 8), 0.999), "lr": schedules.cosine(0.1, 7)}),
        ("adam", {"weight_decay": schedules.step(0.1, 3, 1e-9)}),
        (
            "adam",
            {"lr": schedules.warmup_linear(0.1, 9, 4), "clipvalue": schedules.linear(1.0, 9, 0.1)},
        ),
        ("nadam", {"clipnorm": schedules.linear(9.0, 9, 0.1)}),
        ("adamwschedulefree", {"warmup_steps": 5.0, "r": schedules.linear(0.5, 9, 1.0)}),
        ("rmsprop", {"momentum": schedules.linear(0.9, 9, 0.0), "lr_in_buffer": False}),
        ("adam", {"clipvalue": lambda step: None if step % 5 else 0.1, "lr": schedules.cosine(0.1, 9)}),
    ],
    ids=["momentum", "betas", "decay", "warmup", "clipnorm", "schedule-free", "rmsprop", "functions"],
)
def test_several_schedules(name: str, options: dict[str, Any], nonfinite: str) -> None:
    both(name, {**options, "nonfinite": nonfinite}, 20)


def test_factors_of_schedules() -> None:
    groups = {"0": {"multiply": {"lr": 0.3}}, "1": {"weight_decay": 0.1, "algorithm": "sgd"}}
    for tape in both("adam", {"lr": schedules.cosine(0.1, 9), "groups": groups}):
        assert not tape.failed


def test_what_is_set_meanwhile() -> None:
    def change(opt: Any, k: int) -> None:
        if k == 3:
            opt.lr = 0.7
        if k == 5:
            opt.amsgrad = True
        if k == 6:
            opt.betas = (0.5, 0.9)
        if k == 7:
            opt.lr = schedules.cosine(0.1, 10)
        if k == 9:
            opt.groups[0]["eps"] = 1e-3
        if k == 10:
            opt.lr = lambda step: 0.1 / (step + 1)

    (tape,) = both("adam", {}, 14, change)
    assert not tape.failed


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> "Counter[str]":
    """How often Python is asked for coefficients of Adam, and for values of a cosine."""
    found: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            found[name] += 1
            return function(*given)

        return call

    coefficients = fastopt.Adam.coefficients
    monkeypatch.setattr(
        fastopt.Adam, "coefficients", staticmethod(counted("coefficients", coefficients))
    )
    monkeypatch.setattr(schedules.cosine, "_at", counted("cosine", schedules.cosine._at))
    return found


@pytest.mark.parametrize("options", [{}, {"nonfinite": "skip"}, {"ema": 0.9, "global_clipnorm": 1.0}])
def test_python_is_not_asked_again(options: dict[str, Any], calls: "Counter[str]") -> None:
    p = np.ones(3, np.float32)
    opt = fastopt.Adam([p], lr=schedules.cosine(0.1, 1000), backend="native", **options)
    for _ in range(4):
        opt.step([np.ones(3, np.float32)])
    before = dict(calls)
    for _ in range(50):
        opt.step([np.ones(3, np.float32)])
    assert dict(calls) == before


def test_a_schedule_of_ones_own_is_asked_at_each_step() -> None:
    asked = []

    class Mine(schedules.cosine):
        def _at(self, step: int) -> float:
            asked.append(step)
            return super()._at(step)

    p = np.ones(3, np.float32)
    for lr in (Mine(0.1, 100), schedules.warmup(Mine(0.1, 100), 0)):
        opt = fastopt.Adam([p], lr=lr, backend="native")
        asked.clear()
        for _ in range(9):
            opt.step([np.ones(3, np.float32)])
        assert sorted(set(asked)) == list(range(9))
        assert not opt.groups[0].is_recordable


def test_an_algorithm_of_ones_own_is_asked_at_each_step() -> None:
    asked = []

    class Mine(fastopt.Adam):
        @staticmethod
        def coefficients(h: Any, t: int) -> Any:
            asked.append(t)
            return fastopt.Adam.coefficients(h, t)

    opt = Mine([np.ones(3)], backend="native")
    asked.clear()
    for _ in range(5):
        opt.step([np.ones(3)])
    assert asked == [1, 2, 3, 4, 5]
    assert opt.groups[0].tape is None


def test_recordings_that_fail_soon_follow_each_other_later_and_later() -> None:
    recordings, at = Recordings(), []
    for step in range(2000):
        if step >= recordings.next:
            recordings = recordings.after(step)
            at.append(step)
    pauses = np.diff(at)
    assert pauses[:4].tolist() == [1, 2, 4, 8]
    assert max(pauses) == LONGEST_PAUSE
    assert recordings.after(10_000).pause == 1  # it has held for long


def test_scalars_with_a_risk_are_left_to_python() -> None:
    # What decays with its gradient grows with the parameter: Python looks at such steps.
    opt = fastopt.Adam([np.ones(3, np.float32)], weight_decay=0.1, nonfinite="skip", backend="native")
    for _ in range(3):
        opt.step([np.ones(3, np.float32)])
    assert opt.groups[0].tape.failed
    opt.nonfinite = "propagate"
    for _ in range(3):
        opt.step([np.ones(3, np.float32)])
    assert not opt.groups[0].tape.failed
    opt.nonfinite = "raise"
    opt.step([np.ones(3, np.float32)])
    assert opt.groups[0].tape.failed


@pytest.mark.parametrize("backend", ["native", "numpy"])
def test_a_schedule_that_leaves_the_range_is_refused_at_that_step(backend: str) -> None:
    p = np.ones(3, np.float32)
    opt = fastopt.SGD([p], lr=schedules.exponential(1.0, 1e4, 1), backend=backend)
    for _ in range(10):
        opt.step([np.zeros(3, np.float32)])
    before = p.tobytes()
    with pytest.raises(ValueError, match="lr is 1e\\+40, which is infinite in float32"):
        opt.step([np.zeros(3, np.float32)])
    assert (opt.step_count, p.tobytes()) == (10, before)


def test_what_a_handler_raises_while_scalars_are_recorded_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p = np.ones(3)
    opt = fastopt.Adam([p], backend="native")
    with monkeypatch.context() as patch:
        patch.setattr(fastopt.Adam, "coefficients", staticmethod(timed_out))
        with pytest.raises(TimeoutError):
            opt.step([np.ones(3)])
        assert (opt.step_count, p.tolist()) == (0, [1.0] * 3)
    assert opt.step([np.ones(3)])
    assert opt.step_count == 1


def timed_out(h: Any, t: Any) -> Any:
    raise TimeoutError


def test_the_state_of_a_plateau_is_looked_at() -> None:
    p, plateau = np.ones(3), schedules.reduce_on_plateau(0.1, 0.5, 1)
    opt = fastopt.SGD([p], lr=plateau, backend="native")
    rates = []
    for metric in (1.0, 2.0, 3.0, 4.0, 5.0):
        plateau.observe(metric)
        before = p[0]
        opt.step([np.ones(3)])
        rates.append(before - p[0])
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])  # a difference of rounded numbers
