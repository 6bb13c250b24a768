"""What schedules refuse, and what they say then."""

from typing import Any

import numpy as np
import pytest
from support.schedule_cases import BASE, CASES, label

from fastopt import schedules
from fastopt.schedules.registry import arguments

PLATEAU = schedules.reduce_on_plateau(0.1)

BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    (
        "constant",
        {"value": "0.1"},
        TypeError,
        r"value of constant is '0.1' \(str\); it must be a number",
    ),
    ("constant", {"value": np.inf}, ValueError, "value of constant is inf; it must be a finite number"),
    ("cosine", {"value": 0.1, "steps": 0}, ValueError, "steps of cosine is 0; .* whole number >= 1"),
    ("cosine", {"value": 0.1, "steps": 10.0}, TypeError, r"steps of cosine is 10.0 \(float\)"),
    ("cosine", {"value": 0.1, "steps": 9, "exponent": 0}, ValueError, "exponent .* number > 0"),
    ("cosine", {"value": 0.1, "steps": 9, "periodic": 1}, TypeError, "periodic .* True or False"),
    ("cosine_restarts", {"value": 0.1, "t_0": 5, "t_mult": 1.5}, TypeError, "t_mult .* whole number"),
    ("step", {"value": 0.1, "step_size": 3, "gamma": 0}, ValueError, "gamma of step is 0.0; .* > 0"),
    ("multi_step", {"value": 0.1, "milestones": []}, ValueError, "is empty; .* such as"),
    ("multi_step", {"value": 0.1, "milestones": [3, 3]}, ValueError, "each must be later than the one"),
    (
        "multi_step",
        {"value": 0.1, "milestones": [0, 3]},
        ValueError,
        "entry 0 of milestones .* is 0; it",
    ),
    (
        "multi_step",
        {"value": 0.1, "milestones": 30},
        TypeError,
        "milestones .* is 30 .* must be a list",
    ),
    ("piecewise", {"boundaries": [5], "levels": [1, "a"]}, TypeError, "entry 1 of levels of piecewise"),
    ("piecewise", {"boundaries": [5], "levels": [1]}, ValueError, "1 levels and 1 boundaries; .* more"),
    (
        "piecewise",
        {"boundaries": [5], "levels": [1, 2], "shape": "cos"},
        ValueError,
        "'linear' or 'cosine'",
    ),
    ("linear", {"value": 0.1, "steps": -1}, ValueError, "steps of linear is -1"),
    ("polynomial", {"value": 0.1, "steps": 5, "power": -1}, ValueError, "power of polynomial is -1.0"),
    ("rex", {"value": 0.1, "steps": True}, TypeError, "steps of rex is True"),
    ("exponential", {"value": 0.1, "decay_rate": 0}, ValueError, "decay_rate of exponential is 0.0"),
    ("exponential", {"value": 0.1, "decay_rate": 0.9, "end": "0"}, TypeError, "end .*, or None"),
    (
        "inverse_time",
        {"value": 0.1, "decay_rate": -1},
        ValueError,
        "decay_rate of inverse_time is -1.0",
    ),
    (
        "inverse_sqrt",
        {"value": 0.1, "warmup_steps": 0},
        ValueError,
        "warmup_steps of inverse_sqrt is 0",
    ),
    (
        "one_cycle",
        {"peak": 0.1, "steps": 3},
        ValueError,
        r"phases that end at steps \[-0.1.*more than 3",
    ),
    ("one_cycle", {"peak": 0.1, "steps": 99, "pct_start": 1.0}, ValueError, "pct_start .* and < 1"),
    (
        "one_cycle",
        {"peak": 1, "steps": 99, "pct_start": 0.6, "three_phase": True},
        ValueError,
        "phases",
    ),
    ("one_cycle", {"peak": 0.1, "steps": 99, "anneal": "cos"}, ValueError, "'linear' or 'cosine'"),
    ("one_cycle_momentum", {"steps": 2}, ValueError, "one_cycle_momentum has phases"),
    (
        "cyclic",
        {"low": 0.1, "high": 1, "step_size_down": 0},
        ValueError,
        "step_size_down of cyclic is 0",
    ),
    ("cyclic", {"low": 0.1, "high": 1, "gamma": 1.1}, ValueError, "gamma of cyclic .* <= 1"),
    ("cyclic", {"low": 0.1, "high": 1, "mode": "triangle"}, ValueError, "mode of cyclic is 'triangle'"),
    (
        "warmup",
        {"base": 0.1, "steps": 5},
        TypeError,
        r"base of warmup is 0.1 .* such as constant\(0.1\)",
    ),
    ("warmup", {"base": PLATEAU, "steps": 5}, TypeError, "is a reduce_on_plateau, which keeps a state"),
    ("warmup", {"base": BASE, "steps": -1}, ValueError, "steps of warmup is -1"),
    ("warmup_cosine", {"value": 1, "steps": 5, "warmup_steps": 5}, ValueError, "5 of them .* warm-up"),
    ("warmup_linear", {"value": 1, "steps": 5, "warmup_steps": 6}, ValueError, "warmup_linear has 5"),
    (
        "warmup_linear",
        {"value": 1, "steps": 5.0, "warmup_steps": 6},
        TypeError,
        "steps of warmup_linear",
    ),
    (
        "warmup_stable_decay",
        {"value": 0.1, "steps": 10, "warmup_steps": 4, "decay_steps": 7},
        ValueError,
        "10 steps, which 4 of warm-up and 7 of decay exceed",
    ),
    ("join", {"schedules": [BASE], "boundaries": [5]}, ValueError, "1 schedules and 1 boundaries"),
    (
        "join",
        {"schedules": [BASE, 1], "boundaries": [5]},
        TypeError,
        "entry 1 of schedules of join is 1",
    ),
    ("join", {"schedules": BASE, "boundaries": [5]}, TypeError, "must be a list of schedules"),
    ("scaled", {"base": BASE, "factor": np.nan}, ValueError, "factor of scaled is nan"),
    ("reduce_on_plateau", {"value": 0.1, "factor": 1.0}, ValueError, "factor .* >= 0 and < 1"),
    (
        "reduce_on_plateau",
        {"value": 0.1, "patience": -1},
        ValueError,
        "patience of reduce_on_plateau is -1",
    ),
    ("reduce_on_plateau", {"value": 0.1, "mode": "less"}, ValueError, "'min' or 'max'"),
    (
        "reduce_on_plateau",
        {"value": 0.1, "threshold": 1.0},
        ValueError,
        "threshold_mode='abs' makes it",
    ),
]


@pytest.mark.parametrize(("name", "given", "error", "words"), BAD)
def test_bad_arguments(name: str, given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        getattr(schedules, name)(**given)


@pytest.mark.parametrize("schedule", CASES, ids=label)
def test_every_argument_is_checked(schedule: schedules.Schedule) -> None:
    given = {key: getattr(schedule, key) for key in arguments(type(schedule))}
    for key in given:
        with pytest.raises(TypeError, match=f"{key} of {schedule.name} is <object"):
            type(schedule)(**{**given, key: object()})


@pytest.mark.parametrize("schedule", CASES, ids=label)
def test_bad_steps(schedule: schedules.Schedule) -> None:
    for step in (1.0, "1", None, True, np.ones(1, int)):
        with pytest.raises(TypeError, match=r"step is .*; it must be a whole number >= 0"):
            schedule(step)  # type: ignore[arg-type]
    for wrong in (-1, np.int64(-1), 2**53 + 1):
        with pytest.raises(ValueError, match=f"step is {wrong}; it must be a whole number >= 0 and <="):
            schedule(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n is -1"):
        schedule.values(-1)
    with pytest.raises(ValueError, match="steps is 0"):
        schedule.plot(steps=0)


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"schedule": "cosin"}, ValueError, "there is no schedule 'cosin': did you mean 'cosine'"),
        ({"name": "cosine"}, TypeError, "with its name under 'schedule'"),
        ("cosine", TypeError, "what get_config"),
        ({"schedule": 1}, TypeError, "what get_config"),
        (
            {"schedule": "cosine", "value": 0.1, "step": 3},
            ValueError,
            "the schedule 'cosine' has no argument 'step': did you mean 'steps'",
        ),
        ({"schedule": "cosine", "value": 0.1}, TypeError, "missing .* 'steps'"),
        ({"schedule": "cosine", "value": 0.1, "steps": 0}, ValueError, "steps of cosine is 0"),
        (
            {"schedule": "warmup", "steps": 3, "base": {"schedule": "cosines"}},
            ValueError,
            "there is no schedule 'cosines'",
        ),
    ],
)
def test_bad_configurations(config: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        schedules.from_config(config)
