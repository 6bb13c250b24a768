"""Tables of results for the terminal, at most 80 columns wide."""

from collections.abc import Callable, Sequence
from math import inf, isfinite

from fastopt.demo.run import Run

WIDTH = 79
KEY = (
    "Sorted by training loss; * lowest of its column. Accuracy: on the test data; optim.: the "
    "optimizer's share of the time of a step."
)


def ranked(runs: Sequence[Run]) -> list[Run]:
    """Sort by the final loss; runs that diverged come last."""
    return sorted(runs, key=lambda run: run.final_loss if isfinite(run.final_loss) else inf)


def table(runs: Sequence[Run]) -> str:
    """Make a line for each run, the lowest training loss first; `KEY` explains it."""
    ranks = ranked(runs)
    columns = [
        [f"{run.lr:.3g}" for run in ranks],
        starred([run.final_loss for run in ranks], loss_text),
        starred([run.test_loss for run in ranks], loss_text),
        [f"{run.test_accuracy:.1%}" for run in ranks],
        [f"{run.steps_per_second:,.0f}" for run in ranks],
        [f"{run.optimizer_share:.1%}" for run in ranks],
    ]
    header = ("optimizer", "lr", "train loss ", "test loss ", "accuracy", "steps/s", "optim.")
    return layout(header, [run.label for run in ranks], columns, narrowest=7)


def loss_text(loss: float) -> str:
    """Write a loss with three digits."""
    return f"{loss:.2e}" if isfinite(loss) else "diverged"


def starred(
    values: Sequence[float], text: Callable[[float], str], otherwise: Sequence[str] | None = None
) -> list[str]:
    """Write the values of a column, with an asterisk behind the lowest, unless all are the same.

    Those that are not finite are written by `text` too, unless there is something `otherwise`. What is
    written like the lowest is as low: a reader cannot tell them apart.
    """
    written = [text(value) for value in values]
    lowest = text(min(filter(isfinite, values), default=inf)) if len(set(written)) > 1 else None
    cells = written if otherwise is None else otherwise
    return [
        f"{mine if isfinite(value) else cell}{'*' if isfinite(value) and mine == lowest else ' '}"
        for value, mine, cell in zip(values, written, cells, strict=True)
    ]


def layout(
    header: Sequence[str], names: Sequence[str], columns: Sequence[Sequence[str]], narrowest: int = 9
) -> str:
    """Set names on the left, as far as there is room for them, and columns on the right."""
    widths = [
        max(narrowest, *(len(cell) + 2 for cell in (head, *cells)))
        for head, cells in zip(header[1:], columns, strict=True)
    ]
    name_width = min(WIDTH - sum(widths), max(map(len, (header[0], *names))))
    lines = [
        "".join((f"{name[:name_width]:<{name_width}}", *map(str.rjust, cells, widths))).rstrip()
        for name, *cells in [header, *zip(names, *columns, strict=True)]
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)
