"""The progress bar of a run, where tqdm is installed."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastopt.runtime import describe
from fastopt.training.run import Run

_ENDS = {" |{bar}| {remaining}": 15, " {remaining}": 8}  # of a line, and columns that each needs


@contextmanager
def meter(wanted: bool | None, run: Run, epochs: int, data: Any) -> Iterator[Callable[[], Any]]:
    """Yield a function to call after each step and epoch, which shows on stderr where the run is.

    `wanted` None shows it if stderr is a terminal, or in a notebook; True always, False never.
    """
    if not (wanted is None or isinstance(wanted, bool)):
        raise TypeError(f"progress is {describe(wanted)}; it must be True, False or None")
    total = epochs * len(data) if hasattr(data, "__len__") else None
    bar = _bar(wanted, total)
    if bar is None:
        yield lambda: None
        return

    def show() -> None:
        done = f" {run.step / total:4.0%}" if total else f", step {run.step}"
        metrics = {"loss": run.loss, **{k: v for k, v in run.metrics.items() if k != "loss"}}
        parts = [f"epoch {run.epoch}/{epochs}{done}", *(f"{k} {v:.4g}" for k, v in metrics.items())]
        columns = bar.format_dict["ncols"]
        line = _fitting(parts, columns)
        room = 0 if total is None else 80 if columns is None else columns - len(line)
        bar.bar_format = "{desc}" + next((end for end, least in _ENDS.items() if least <= room), "")
        bar.set_description_str(line, refresh=False)
        bar.update(run.step - bar.n)

    with bar:
        yield show


def _fitting(parts: Sequence[str], columns: int | None) -> str:
    """Join what fits a line of so many columns: no number is cut in two."""
    for count in range(len(parts), 1, -1):
        line = ", ".join(parts[:count]) + (", ..." if count < len(parts) else "")
        if columns is None or len(line) <= columns:
            return line
    return parts[0]


def _bar(wanted: bool | None, total: int | None) -> Any:
    in_notebook = _in_notebook()
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if wanted is False or (wanted is None and not (on_terminal or in_notebook)):
        return None
    try:
        if in_notebook:
            from tqdm.auto import tqdm
        else:
            from tqdm import tqdm
    except ImportError:
        if wanted:
            raise ImportError("progress=True needs tqdm: pip install tqdm") from None
        return None
    return tqdm(total=total, dynamic_ncols=not in_notebook, bar_format="{desc}")


def _in_notebook() -> bool:
    """Return whether the shell of IPython has a kernel, as those of notebooks do, and no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
