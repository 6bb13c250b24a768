"""Pictures of schedules."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.schedule_cases import BASE, CASES, label

from fastopt import schedules

pytest.importorskip("matplotlib").use("agg")
from matplotlib import pyplot  # noqa: E402


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def curve(axes: Any) -> Any:
    (line,) = axes.lines
    return line.get_xydata()


@pytest.mark.parametrize("schedule", CASES, ids=label)
def test_shows_the_whole_schedule(schedule: schedules.Schedule) -> None:
    axes = schedule.plot()
    drawn = curve(axes)
    steps = drawn[:, 0].astype(int)
    assert steps.tolist() == list(range(steps[-1] + 1))
    assert drawn[:, 1].tolist() == schedule.values(steps.size).tolist()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "value")
    assert axes.get_title() == repr(schedule)
    axes.figure.canvas.draw()


def test_as_many_steps_as_asked_for_on_axes_of_the_caller() -> None:
    axes = pyplot.figure().subplots()
    assert BASE.plot(7, axes) is axes
    assert curve(axes)[:, 0].tolist() == list(range(8))
    assert axes.get_title() == ""
    assert axes.lines[0].get_label() == repr(BASE)
    assert len(pyplot.get_fignums()) == 1


def test_long_schedules_are_drawn_with_few_points() -> None:
    drawn = curve(schedules.linear(0.1, 10**9 + 1).plot())
    assert len(drawn) <= 2001
    assert drawn[[0, -1]].tolist() == [[0.0, 0.1], [10**9 + 1, 0.0]]
    assert np.all(np.diff(drawn[:, 0]) > 0)
