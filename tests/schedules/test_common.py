"""What all schedules have in common: pure, checked, and back from their configurations."""

import copy
import dataclasses
import json
import pickle
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.schedule_cases import BASE, CASES, LONGEST, label

import fastopt
from fastopt import schedules
from fastopt.schedules import Schedule
from fastopt.schedules.registry import SCHEDULES

STEPS = 2 * LONGEST
NAMES = {cls.name for cls in SCHEDULES.values() if cls.__module__.startswith("fastopt.")}
every = pytest.mark.parametrize("schedule", CASES, ids=label)


def test_there_is_a_case_of_every_schedule_and_every_name_is_public() -> None:
    assert {schedule.name for schedule in CASES} == NAMES
    others = {"ReduceOnPlateau", "Schedule", "from_config", "warmup_cosine", "warmup_linear"}
    assert set(schedules.__all__) == NAMES | others
    for name in NAMES:
        assert getattr(schedules, name) is SCHEDULES[name]


def test_the_page_has_every_schedule() -> None:
    page = (Path(__file__).parents[2] / "docs/schedules.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == NAMES | {"warmup_cosine", "warmup_linear"}


def test_no_option_of_the_cases_stays_at_its_default() -> None:
    changed = {
        (case.name, field.name)
        for case in CASES
        for field in dataclasses.fields(case)  # type: ignore[arg-type]
        if field.init and getattr(case, field.name) != field.default
    }
    declared: Any = [SCHEDULES[name] for name in NAMES]
    assert changed == {(c.name, f.name) for c in declared for f in dataclasses.fields(c) if f.init}


@every
def test_round_trip_through_json(schedule: Schedule) -> None:
    config = schedule.get_config()
    again = schedules.from_config(json.loads(json.dumps(config, allow_nan=False)))
    assert type(again) is type(schedule)
    assert again.get_config() == config
    assert again.values(STEPS).tobytes() == schedule.values(STEPS).tobytes()
    assert (again == schedule) is not schedule.stateful


@every
def test_repr_is_the_call_that_makes_it(schedule: Schedule) -> None:
    again = eval(repr(schedule), vars(schedules))
    assert again.get_config() == schedule.get_config()
    assert repr(again) == repr(schedule)


@every
def test_equal_and_hashed_by_its_arguments(schedule: Schedule) -> None:
    for other in CASES:
        assert (other == schedule) is (other is schedule)
    if not schedule.stateful:
        twin = dataclasses.replace(schedule)  # type: ignore[type-var]
        assert twin == schedule
        assert hash(twin) == hash(schedule)


@every
def test_same_values_in_any_order_and_after_a_copy(schedule: Schedule) -> None:
    before = [schedule(step) for step in range(STEPS)]
    assert all(type(value) is float for value in before)
    steps = random.Random(3).sample(range(STEPS), STEPS)
    for twin in (schedule, copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert {step: twin(step) for step in steps} == dict(enumerate(before))
    values = schedule.values(STEPS)
    assert values.dtype == np.float64
    assert values.tolist() == before
    assert schedule.values(0).shape == (0,)
    whole: Any
    for whole in (np.int32(7), np.uint64(7), np.array(7)):
        assert schedule(whole) == before[7]


@every
def test_cannot_be_changed(schedule: Schedule) -> None:
    for field in dataclasses.fields(schedule):  # type: ignore[arg-type]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(schedule, field.name, 1.0)


ENDS = {
    "linear": 0.7,
    "polynomial": 0.003,
    "rex": 0.003,
    "cosine": 0.003,
    "one_cycle": 0.1 / 10 / 50,
    "one_cycle_momentum": 0.9,
    "warmup_stable_decay": 0.003,
    "piecewise": 0.2,
}


@pytest.mark.parametrize("schedule", [c for c in CASES if c.name in ENDS], ids=label)
def test_the_last_value_is_exact_and_stays(schedule: Schedule) -> None:
    if getattr(schedule, "cycle", False) or getattr(schedule, "periodic", False):
        assert schedule(10) == ENDS[schedule.name]  # and on it goes
        return
    for step in (LONGEST, LONGEST + 1, 10**9, 2**53):
        assert schedule(step) == ENDS[schedule.name]


@every
def test_every_step_has_a_finite_value(schedule: Schedule) -> None:
    for step in (10**6, 10**9 + 7, 2**31, 2**53 - 1, 2**53):
        assert np.isfinite(schedule(step))


def test_growth_without_end_is_infinite_and_no_error() -> None:
    assert schedules.exponential(0.1, 1.5)(10**6) == np.inf
    assert schedules.exponential(0.1, 1.5, 10)(10**7 + 3) == np.inf
    assert schedules.exponential(0.1, 1e-5)(10**6) == 0.0


def test_combinations_are_what_they_are_made_of() -> None:
    s = schedules
    assert s.warmup_cosine(0.1, 40, 10, 0.01, 0.02, 2.0) == s.warmup(
        s.cosine(0.1, 30, 0.01, 2.0), 10, 0.02
    )
    assert s.warmup_linear(0.1, 40, 10, 0.01, 0.02) == s.warmup(s.linear(0.1, 30, 0.01), 10, 0.02)


def test_join_gives_each_its_own_steps() -> None:
    first, second = schedules.rex(0.1, 7), schedules.exponential(0.1, 0.9, 7)
    joined = schedules.join([first, second, BASE], [5, 9])
    expected = [*first.values(5), *second.values(4), *BASE.values(11)]
    assert joined.values(20).tolist() == expected


@pytest.mark.parametrize("factor", [0.1, 3, np.float64(0.1), np.float32(0.5)])
def test_times_a_number(factor: Any) -> None:
    for product in (BASE * factor, factor * BASE):
        assert product == schedules.scaled(BASE, float(factor))
        assert [product(k) for k in range(30)] == [BASE(k) * float(factor) for k in range(30)]


@pytest.mark.parametrize("factor", ["2", None, True, BASE, 1j, np.ones(2)])
def test_times_anything_else(factor: Any) -> None:
    words = "cosine|factor of scaled is True"
    with pytest.raises(TypeError, match=words):
        BASE * factor
    with pytest.raises(TypeError, match=words):
        factor * BASE


def test_a_class_of_the_user() -> None:
    @dataclasses.dataclass(frozen=True)
    class Halved(Schedule):
        value: float

        def _at(self, step: int) -> float:
            return self.value * 0.5**step

    made = schedules.from_config(schedules.warmup(Halved(0.5), 4).get_config())
    assert made(5) == 0.25
    with pytest.raises(TypeError, match=r"there is a schedule 'cosine' already, in fastopt\.schedules"):
        type("cosine", (Schedule,), {})
    with pytest.raises(NotImplementedError, match="Empty has to define _at"):
        type("Empty", (Schedule,), {})()(0)
    for name in ("Halved", "Empty"):
        del SCHEDULES[name]


def test_the_package_is_imported_when_it_is_used(run_python: Any) -> None:
    found = run_python("""
        import sys
        import fastopt
        print("fastopt.schedules" in sys.modules, fastopt.schedules.constant(2.0)(1))
        print("matplotlib" in sys.modules)
    """)
    assert found.split() == ["False", "2.0", "False"]
    with pytest.raises(AttributeError, match="has no attribute 'schedule'"):
        fastopt.schedule  # noqa: B018
