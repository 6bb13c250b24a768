"""Comparing in turn: A B, B A, ..., medians, ratios. Machines are noisy; ratios of one run are less so.

The order turns round every time, so that nobody always comes after the same neighbour.
"""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter, sleep

Call = Callable[[], object]
SETTLE = 0.03  # seconds for another library's threads to stop spinning


def ordered(contestants: Mapping[str, Call], turn: int) -> list[tuple[str, Call]]:
    """List the contestants, forwards and backwards by turns."""
    return list(contestants.items())[:: 1 if turn % 2 == 0 else -1]


def in_turn(
    contestants: Mapping[str, Call], rounds: int = 9, seconds: float = 0.02
) -> dict[str, float]:
    """Give the median time of each, in seconds, over rounds in which every one has its turn.

    A turn is long enough to be measured; within it, calls follow each other as in a training loop.
    """
    calls = {}
    for name, call in contestants.items():
        call()
        begin = perf_counter()
        call()
        calls[name] = max(1, int(seconds / max(perf_counter() - begin, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds):
        for name, call in ordered(contestants, turn):
            sleep(SETTLE)
            call()
            begin = perf_counter()
            for _ in range(calls[name]):
                call()
            times[name].append((perf_counter() - begin) / calls[name])
    return {name: median(found) for name, found in times.items()}
