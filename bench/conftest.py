"""What the benchmarks share."""

import os
from collections.abc import Iterator

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
