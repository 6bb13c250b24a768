"""A progress bar for large files, where tqdm is installed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

LARGE = 1 << 30  # bytes from which a bar is shown by default
BAR = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}, {remaining} left"


@contextmanager
def meter(doing: str, total: int, progress: bool | None) -> Iterator[Callable[[int], object]]:
    """Make a function that counts bytes as they are done, on any thread, and shows them on stderr.

    `progress` None shows large files, if stderr is a terminal; True always; False never.
    """
    if progress is None:
        progress = total >= LARGE and sys.stderr is not None and sys.stderr.isatty()
    bar = _bar(doing, total) if progress else None
    if bar is None:
        yield lambda count: None
        return
    lock = Lock()

    def count(done: int) -> None:
        with lock:
            bar.update(done)

    with bar:
        yield count


def _bar(doing: str, total: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total, desc=doing, unit="B", unit_scale=True, ncols=79, bar_format=BAR)
