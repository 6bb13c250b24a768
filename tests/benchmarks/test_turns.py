"""Comparing in turn: whose turn it is, what is on the clock, and when patience ends."""

from functools import partial

import pytest

from fastopt.bench import turns
from fastopt.bench.turns import Prepared, in_turn, timed


class Clock:
    """Time that passes only where somebody sleeps: a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(turns, "perf_counter", made.read)
    monkeypatch.setattr(turns, "sleep", made.sleep)
    return made


def test_the_order_turns_round_every_time(clock: Clock) -> None:
    said: list[str] = []

    def call(name: str) -> None:
        said.append(name)
        clock.sleep(0.002)

    each = {name: partial(call, name) for name in "abc"}
    found = in_turn(each, rounds=2, seconds=0.001)
    warmed = said[:6]
    assert warmed == ["a", "a", "b", "b", "c", "c"]
    assert said[6:] == ["a", "a", "b", "b", "c", "c", "c", "c", "b", "b", "a", "a"]
    assert list(found) == ["a", "b", "c"]
    assert list(found.values()) == pytest.approx([0.002] * 3)  # of sums, which are rounded


def test_what_comes_before_a_call_is_off_the_clock(clock: Clock) -> None:
    prepared: list[bool] = []

    def before() -> None:
        prepared.append(True)
        clock.sleep(0.02)

    assert timed(Prepared(before, lambda: None), 4) == 0.0
    assert len(prepared) == 4


def test_calls_that_become_slow_are_cut_short(clock: Clock) -> None:
    calls: list[bool] = []

    def call() -> None:
        calls.append(True)
        clock.sleep(0.01)

    mean = timed(call, 1000, limit=0.05)
    assert len(calls) == 1000 // turns.PARTS  # after which the clock is looked at
    assert mean == pytest.approx(0.01)


def test_a_mean_is_of_all_calls(clock: Clock) -> None:
    pauses = iter([0.0, 0.03, 0.0])
    assert timed(lambda: clock.sleep(next(pauses)), 3) == pytest.approx(0.01)
