"""The progress bar of a run, where tqdm is installed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastopt.runtime import describe
from fastopt.training.run import Run


@contextmanager
def meter(wanted: bool | None, run: Run, epochs: int, data: Any) -> Iterator[Callable[[], Any]]:
    """Yield a function to call after each step and epoch, which shows on stderr where the run is.

    `wanted` None shows it if stderr is a terminal, True always, False never.
    """
    if not (wanted is None or isinstance(wanted, bool)):
        raise TypeError(f"progress is {describe(wanted)}; it must be True, False or None")
    total = epochs * len(data) if hasattr(data, "__len__") else None
    bar = _bar(wanted, total)
    if bar is None:
        yield lambda: None
        return

    def show() -> None:
        bar.set_description_str(f"epoch {run.epoch}/{epochs}", refresh=False)
        shown = {**run.metrics, "loss": run.loss}
        text = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
        bar.set_postfix_str(text, refresh=False)
        bar.update(run.step - bar.n)

    with bar:
        yield show


def _bar(wanted: bool | None, total: int | None) -> Any:
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if wanted is False or (wanted is None and not on_terminal):
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        if wanted:
            raise ImportError("progress=True needs tqdm: pip install tqdm") from None
        return None
    return tqdm(total=total, dynamic_ncols=True, unit="step")
