"""Threads that hash while others read or write."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

PORTION = 1 << 20  # bytes that are worth the time that it takes to tell a thread of them


def portions(sizes: Iterable[tuple[str, int]]) -> list[list[str]]:
    """Cut names of arrays, given with their bytes, into lists for one thread each."""
    found: list[list[str]] = []
    room = 0
    for name, size in sizes:
        if room <= 0:
            found.append([])
            room = PORTION
        found[-1].append(name)
        room -= size + 1024  # what a small one costs in any case
    return found


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Start some threads, at least one; what has not begun is called off when the with block ends."""
    pool = ThreadPoolExecutor(max(1, count), "fastopt-checkpoint")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
