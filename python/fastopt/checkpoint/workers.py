"""Threads that hash while others read or write."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from fastopt.threads import get_num_threads


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Give as many threads as a step may use; what has not begun is called off when the block ends."""
    pool = ThreadPoolExecutor(get_num_threads(), "fastopt-checkpoint")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
