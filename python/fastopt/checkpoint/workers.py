"""Threads that hash while others read or write."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give some threads, at least one; what has not begun is called off when the with block ends."""
    pool = ThreadPoolExecutor(max(1, count), "fastopt-checkpoint")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
