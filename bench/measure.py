"""Measure rows of bench/rows.py in a process of its own, for `bench.against`; print times as JSON."""

import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.append(str(Path(__file__).parent.parent))

from bench.against import FEWEST, SECONDS
from bench.rows import ROWS, Call

BATCHES = 11


def time_of(call: Call) -> float:
    """Return the seconds of a call: the median of batches, or what the call itself has measured."""
    told = call()
    if isinstance(told, float):
        return median([told, *(float(call()) for _ in range(BATCHES - 1))])  # type: ignore[arg-type]
    begin = perf_counter()
    call()
    roughly = max(perf_counter() - begin, 1e-7)
    calls = max(1, int(SECONDS / BATCHES / roughly))
    times = []
    for _ in range(BATCHES if roughly * FEWEST < SECONDS else FEWEST):
        begin = perf_counter()
        for _ in range(calls):
            call()
        times.append((perf_counter() - begin) / calls)
    return median(times)


if __name__ == "__main__":
    print(json.dumps({name: time_of(ROWS[name]()) for name in sys.argv[1:]}))
