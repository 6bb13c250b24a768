"""Jobs of a step shared out among Python's threads, which run compiled code without the GIL."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from fastopt.runtime import available

WORTH_A_THREAD = 1 << 18  # elements


def share_out(jobs: Sequence[Callable[[], None]]) -> None:
    """Do all jobs, two of them here."""
    # Two for each thread. We take back what no worker has begun: a busy machine costs no time.
    begun = [(_executor().submit(job), job) for job in jobs[2:]]
    for job in jobs[:2]:
        job()
    for future, job in reversed(begun):
        if future.cancel():
            job()
    for future, _ in begun:
        if not future.cancelled():
            future.result()


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, available() - 1), "fastopt")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_executor.cache_clear)
