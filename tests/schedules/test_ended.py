"""A schedule that has ended when it is set is a warning, whose line begins it now."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.schedule_cases import CASES, label

import fastopt
from fastopt import schedules
from fastopt.schedules import Schedule


def trained(steps: int = 50, **options: Any) -> Any:
    params = [{"params": {"w": np.zeros(2)}}, {"params": {"b": np.zeros(2)}}]
    opt = fastopt.AdamW(params, **options)
    for _ in range(steps):
        opt.step([{"w": np.ones(2)}, {"b": np.ones(2)}])
    return opt


COSINE = schedules.cosine(1e-3, 40)

SET = {
    "lr": ("lr", COSINE),
    "weight_decay": ("weight_decay", schedules.linear(0.1, 40)),
    "betas": ("betas", (schedules.linear(0.9, 40, 0.8), 0.99)),
    "both betas": ("betas", (schedules.linear(0.9, 40, 0.8), schedules.linear(0.99, 90, 0.9))),
    "composite": ("lr", schedules.join([schedules.constant(0.1), COSINE * 0.5], [5])),
    "warm-up": ("lr", schedules.warmup(schedules.constant(0.1), 10)),
    "cut by a step": ("lr", schedules.cosine(1e-3, 50)),
    "clipnorm": ("clipnorm", schedules.piecewise([3, 9], [1.0, 2.0, 3.0])),
}


@pytest.mark.parametrize("name", SET)
@pytest.mark.parametrize("in_group", [False, True])
def test_one_that_has_ended(in_group: bool, name: str) -> None:
    opt = trained()
    key, value = SET[name]
    where = f"{key} of group 1" if in_group else key
    words = f"given for {where} has ended: .* has taken 50, and from step {{}} on it stays at "
    owner = opt.groups[1] if in_group else opt
    with pytest.warns(UserWarning, match=words.format(r"\d+")) as caught:
        owner.__setitem__(key, value) if in_group else setattr(owner, key, value)
    (warning,) = caught
    assert warning.filename == __file__
    assert opt.groups[1].given[key] == value  # it is set
    line = str(warning.message).partition("To begin it now: ")[2]
    exec(line, {"opt": opt, "schedules": schedules})  # without a warning
    began = opt.groups[1].given[key]
    pairs = zip(began, value, strict=True) if isinstance(value, tuple) else [(began, value)]
    for now, then in pairs:
        if isinstance(then, Schedule) and now != then:
            assert [now(50 + k) for k in range(60)] == [then(k) for k in range(60)]


def test_as_an_error_it_changes_nothing() -> None:
    opt = trained()
    config = opt.get_config()
    for act in (
        lambda: setattr(opt, "lr", COSINE),
        lambda: opt.groups[0].update(lr=COSINE, eps=0.5),
        lambda: opt.add_params({"c": np.zeros(2)}, lr=COSINE),
    ):
        with pytest.raises(UserWarning, match="has ended"):
            act()
        assert opt.get_config() == config
    assert opt.step([{"w": np.ones(2)}, {"b": np.ones(2)}])


def test_parameters_that_are_added_with_one() -> None:
    opt = fastopt.Adam({"w": np.zeros(2)})
    for _ in range(50):
        opt.step({"w": np.ones(2)})
    with pytest.warns(
        UserWarning, match=r"opt.add_params\(..., lr=schedules.delayed\(schedules.cosine"
    ):
        opt.add_params({"c": np.zeros(2)}, lr=COSINE)
    opt.add_params({"d": np.zeros(2)}, lr=schedules.delayed(COSINE, opt.step_count))


NOT_ENDED = [
    schedules.constant(0.1),
    schedules.cosine(0.1, 51),
    schedules.cosine(0.1, 20, periodic=True),
    schedules.polynomial(0.1, 20, cycle=True),
    schedules.cosine_restarts(0.1, 10),
    schedules.cyclic(0.1, 0.2, 3),
    schedules.exponential(0.1, 0.9, 3),
    schedules.warmup(schedules.inverse_sqrt(0.1, 10), 10),
    schedules.warmup(schedules.cosine(0.1, 100), 60),  # half over
    schedules.join([schedules.cosine(0.1, 5), schedules.exponential(0.1, 0.9, 3)], [5]),
    schedules.reduce_on_plateau(0.1),
    schedules.delayed(schedules.cosine(0.1, 20), 50),
    lambda step: 0.1,
    0.1,
]


@pytest.mark.parametrize("value", NOT_ENDED, ids=range(len(NOT_ENDED)))
def test_one_that_goes_on(value: Any) -> None:
    opt = trained()
    opt.lr = value
    opt.groups[1]["lr"] = value


def test_at_the_first_step_all_is_well() -> None:
    opt = trained(0, lr=COSINE)
    opt.lr = schedules.linear(0.1, 1)


def test_checkpoints_that_restore_their_own(tmp_path: Path) -> None:
    opt = trained(lr=COSINE)
    opt.save(tmp_path / "a.npz", params=True)
    fresh = trained(0)
    fresh.load(tmp_path / "a.npz")
    fresh.load_state_dict(opt.state_dict())
    assert fresh.groups[0].given["lr"] == COSINE
    params = [{"params": {"w": np.zeros(2)}}, {"params": {"b": np.zeros(2)}}]
    again = fastopt.load(tmp_path / "a.npz", params)
    with pytest.warns(UserWarning, match="has ended"):
        again.lr = schedules.cosine(2e-3, 40)
    other = trained(0, lr=schedules.cosine(2e-3, 40))  # that of a whole run, which goes on after it
    other.load(tmp_path / "a.npz", hyperparameters=False)
    other.load_state_dict(opt.state_dict(), hyperparameters=False)


@pytest.mark.parametrize("schedule", CASES, ids=label)
def test_from_its_length_on_the_value_stays(schedule: Schedule) -> None:
    length = schedule._length()
    if length is not None:
        assert len({schedule(length + k) for k in range(100)}) == 1


def test_the_steps_cost_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opt = trained()
        opt.lr = COSINE
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        opt.step([{"w": np.ones(2)}, {"b": np.ones(2)}])
    assert caught == []


def test_delayed() -> None:
    base = schedules.cosine(0.3, 20, 0.01)
    later = schedules.delayed(base, 7)
    assert [later(k) for k in range(40)] == [base(max(k - 7, 0)) for k in range(40)]
    assert schedules.delayed(base, 0).values(30).tolist() == base.values(30).tolist()
    assert re.match(r"delayed\(base=cosine", repr(later))
    with pytest.raises(ValueError, match="steps of delayed is -1"):
        schedules.delayed(base, -1)
    with pytest.raises(TypeError, match="keeps a state"):
        schedules.delayed(schedules.reduce_on_plateau(0.1), 3)
