"""ReduceOnPlateau: what it does at each metric, and its state; against torch, see the oracles."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

from fastopt.schedules import ReduceOnPlateau, constant, join, reduce_on_plateau


def values(schedule: ReduceOnPlateau, metrics: list[float]) -> list[float]:
    found = []
    for metric in metrics:
        before = schedule(0)
        assert schedule.observe(metric) is (schedule(10**6) != before)
        found.append(schedule(3))
    return found


def test_by_hand() -> None:
    schedule = reduce_on_plateau(1.0, 0.5, patience=1, cooldown=2, min_value=0.3)
    metrics = [3, 2, 2, 2.5, 1.9999, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1]
    #          better  bad bad    too little better
    assert values(schedule, metrics) == [
        1.0, 1.0, 1.0,  # the second 2 is bad
        0.5,  # and the next is one too many; two observations are not counted
        0.5, 0.5,
        0.5, 0.3,  # two bad ones again; 0.25 would be below the least
        0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3,
    ]  # fmt: skip


def test_nan_is_bad_and_infinity_is_like_any_number() -> None:
    schedule = reduce_on_plateau(1.0, 0.5, patience=1)
    assert values(schedule, [np.nan, np.nan, 1.0, np.inf, np.nan]) == [1.0, 0.5, 0.5, 0.5, 0.25]
    assert values(schedule, [-np.inf, -1e300, -1e300]) == [0.25, 0.25, 0.125]


def test_a_reduction_by_eps_is_left_out() -> None:
    assert values(reduce_on_plateau(1.0, 0.5, patience=0, eps=0.5), [1.0, 1.0, 1.0]) == [1.0, 1.0, 1.0]
    assert values(reduce_on_plateau(1.0, 0.5, patience=0, eps=0.3), [1.0, 1.0, 1.0]) == [1.0, 0.5, 0.5]


@pytest.mark.parametrize("metrics", [[], [3.0], [1.0, 2.0, 3.0, 4.0, 5.0], [-np.inf, 1.0], [np.nan]])
def test_state_there_and_back(metrics: list[float]) -> None:
    given: dict[str, Any] = {"value": 1.0, "factor": 0.5, "patience": 1, "cooldown": 2}
    schedule = reduce_on_plateau(**given)
    values(schedule, metrics)
    state = json.loads(json.dumps(schedule.state_dict(), allow_nan=False))
    assert state == schedule.state_dict()
    others = [reduce_on_plateau(**given), copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))]
    others[0].load_state_dict(state)
    rest = [2.0, 2.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0]
    expected = values(schedule, rest)
    for other in others:
        assert values(other, rest) == expected
        assert other.state_dict() == schedule.state_dict()


def test_the_configuration_is_how_it_began() -> None:
    schedule = reduce_on_plateau(1.0, patience=0)
    before = schedule.get_config()
    assert values(schedule, [1.0, 1.0]) == [1.0, 0.1]
    assert schedule.get_config() == before
    assert schedule.value == 1.0


def test_equal_to_itself_alone_and_part_of_no_other() -> None:
    schedule = reduce_on_plateau(1.0)
    assert schedule == schedule
    assert schedule != reduce_on_plateau(1.0)
    with pytest.raises(TypeError, match="base of scaled is a reduce_on_plateau, which keeps a state"):
        schedule * 0.5
    with pytest.raises(TypeError, match="entry 1 of schedules of join is a reduce_on_plateau"):
        join([constant(1.0), schedule], [5])


@pytest.mark.parametrize(
    "metric", ["1.0", None, True, 1j, np.complex64(1), [1.0], [[1], [1, 2]], np.ones(1), object()]
)
def test_bad_metrics(metric: Any) -> None:
    schedule = reduce_on_plateau(1.0)
    before = schedule.state_dict()
    with pytest.raises(
        TypeError, match=r"the metric is .*; it must be a number, such as float\(loss\)"
    ):
        schedule.observe(metric)
    assert schedule.state_dict() == before


def test_metrics_of_any_kind_of_number() -> None:
    schedule = reduce_on_plateau(1.0)
    for metric in (3, np.float32(2.0), np.array(1.0)):
        schedule.observe(metric)
        assert schedule.state_dict()["best"] == float(metric)


GOOD = {"value": 0.5, "best": 1.0, "bad_observations": 1, "cooldown_left": 0}


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (
            "state",
            TypeError,
            "what state_dict.* gives, with bad_observations, best, cooldown_left, value",
        ),
        ({"value": 0.5}, TypeError, "the state of reduce_on_plateau"),
        (GOOD | {"more": 1}, TypeError, "the state of reduce_on_plateau"),
        (GOOD | {"value": np.nan}, ValueError, "value is nan"),
        (GOOD | {"best": "none"}, TypeError, "best is 'none'"),
        (GOOD | {"best": np.nan}, ValueError, "best is nan"),
        (GOOD | {"bad_observations": 3}, ValueError, "bad_observations is 3; .* <= 2"),
        (GOOD | {"bad_observations": 1.0}, TypeError, "bad_observations is 1.0"),
        (GOOD | {"cooldown_left": 5}, ValueError, "cooldown_left is 5; .* <= 4"),
    ],
)
def test_bad_states(state: Any, error: type[Exception], words: str) -> None:
    schedule = reduce_on_plateau(1.0, patience=2, cooldown=4)
    schedule.observe(7.0)
    before = schedule.state_dict()
    with pytest.raises(error, match=words):
        schedule.load_state_dict(state)
    assert schedule.state_dict() == before
    schedule.load_state_dict(GOOD)
    assert schedule.state_dict() == GOOD
