"""The progress bar of a run, where tqdm is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastopt.hyperparameters import describe
from fastopt.training.run import Run


@contextmanager
def meter(wanted: bool | None, run: Run, epochs: int, data: Any) -> Iterator[Callable[[], Any]]:
    """Give a function that is called after each step, and shows on stderr where the run is.

    `wanted` None shows it if stderr is a terminal, True always, False never.
    """
    tqdm = _tqdm(wanted)
    if tqdm is None:
        yield lambda: None
        return
    total = epochs * len(data) if hasattr(data, "__len__") else None
    disable = None if wanted is None else False  # None asks the terminal
    with tqdm(total=total, disable=disable, dynamic_ncols=True, unit="step") as bar:

        def show() -> None:
            if not bar.disable:
                bar.set_description_str(f"epoch {run.epoch}/{epochs}", refresh=False)
                shown = {"loss": run.loss} | {k: v for k, v in run.metrics.items() if k != "loss"}
                text = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
                bar.set_postfix_str(text, refresh=False)
                bar.update(run.step - bar.n)

        yield show


def _tqdm(wanted: bool | None) -> Any:
    if not (wanted is None or isinstance(wanted, bool)):
        raise TypeError(f"progress is {describe(wanted)}; it must be True, False or None")
    if wanted is False:
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        if wanted:
            raise ImportError("progress=True needs tqdm: pip install tqdm") from None
        return None
    return tqdm
