"""Fixtures and summary of the benchmarks."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

import fastopt

# Two threads unless the environment says otherwise: figures of different machines compare then.
THREADS = int(os.environ.get("FASTOPT_BENCH_THREADS", "2"))


@pytest.fixture(autouse=True)
def threads() -> Iterator[int]:
    before = fastopt.get_num_threads()
    fastopt.set_num_threads(THREADS)
    yield THREADS
    fastopt.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print each step's share of what the memory can do, for which the table above has no column."""
    session = getattr(config, "_benchmarksession", None)
    measured = [b for b in getattr(session, "benchmarks", []) if "GB/s" in b.extra_info]
    if not measured:
        return
    terminalreporter.section("memory traffic")
    terminalreporter.write_line(f"{'step':<44}{'median':>12}{'GB/s':>9}{'of ceiling':>12}")
    for b in measured:
        share = b.extra_info.get("of ceiling", "")
        median = f"{b.stats.median * 1e6:,.1f} us"
        name = b.name.removeprefix("test_step")
        terminalreporter.write_line(f"{name:<44}{median:>12}{b.extra_info['GB/s']:>9}{share:>12}")
