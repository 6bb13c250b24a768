"""Comparing in turn: A B, B A, ..., medians, ratios. Machines are noisy; ratios of one run are less so.

The order turns round every time, so that no contestant always comes after the same one.
"""

from collections.abc import Callable, Mapping
from math import inf
from statistics import median
from time import perf_counter, sleep
from typing import NamedTuple, TypeVar

Call = Callable[[], object]
T = TypeVar("T")
SETTLE = 0.03  # seconds for another library's threads to stop spinning
PATIENCE = 5  # a turn that takes so many times as long as it should is cut short
LONG = 0.05  # seconds of a call beside which it is nothing to wake threads and fill caches
PARTS = 10  # of a turn, after each of which the clock is looked at


class Prepared(NamedTuple):
    """A call, and what has to be done before each, off the clock."""

    before: Call
    call: Call


def ordered(contestants: Mapping[str, T], turn: int) -> list[tuple[str, T]]:
    """List the contestants, forwards and backwards by turns."""
    return list(contestants.items())[:: 1 if turn % 2 == 0 else -1]


def in_turn(
    contestants: Mapping[str, Call | Prepared], rounds: int = 9, seconds: float = 0.02
) -> dict[str, float]:
    """Return the median time of each, in seconds, over rounds in which every one has its turn.

    A turn is long enough to be measured; within it, calls follow each other as in a training loop.
    """
    roughly = {}
    for name, contestant in contestants.items():
        timed(contestant, 1)
        roughly[name] = max(timed(contestant, 1), 1e-7)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds):
        for name, contestant in ordered(contestants, turn):
            sleep(SETTLE)
            if roughly[name] < LONG:
                timed(contestant, 1)
            calls = max(1, int(seconds / roughly[name]))
            times[name].append(timed(contestant, calls, PATIENCE * seconds))
    return {name: median(found) for name, found in times.items()}


def timed(contestant: Call | Prepared, calls: int, limit: float = inf) -> float:
    """Return the mean seconds of a call, over so many or as many as the limit allows.

    Threads that wait for each other on a busy machine can make a call a thousand times as long as the
    one before.
    """
    part = max(1, calls // PARTS)
    total, done = 0.0, 0
    while done < calls and total < limit:
        total += _elapsed(contestant, part)
        done += part
    return total / done


def _elapsed(contestant: Call | Prepared, calls: int) -> float:
    if isinstance(contestant, Prepared):
        before, call = contestant
        total = 0.0
        for _ in range(calls):
            before()
            begin = perf_counter()
            call()
            total += perf_counter() - begin
        return total
    begin = perf_counter()
    for _ in range(calls):
        contestant()
    return perf_counter() - begin
