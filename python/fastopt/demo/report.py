"""Tables of results for the terminal, at most 80 columns wide."""

from collections.abc import Callable, Sequence
from math import inf, isfinite

from fastopt.demo.run import Run

WIDTH = 79


def ranked(runs: Sequence[Run]) -> list[Run]:
    """Sort by the final loss; runs that diverged come last."""
    return sorted(runs, key=lambda run: run.final_loss if isfinite(run.final_loss) else inf)


def table(runs: Sequence[Run]) -> str:
    """Make a line for each run, the lowest loss first; asterisks mark the best of each column."""
    ranks = ranked(runs)
    columns = [
        [f"{run.lr:.3g} " for run in ranks],
        starred([run.final_loss for run in ranks], loss_text),
        starred([run.test_accuracy for run in ranks], "{:.1%}".format, max),
        starred([run.steps_per_second for run in ranks], "{:,.0f}".format, max),
        starred([run.optimizer_share for run in ranks], "{:.1%}".format),
    ]
    header = ("optimizer", "lr ", "train loss ", "test acc. ", "steps/s ", "in optimizer ")
    return layout(header, [run.label for run in ranks], columns)


def loss_text(loss: float) -> str:
    """Write a loss with three digits."""
    return f"{loss:.2e}" if isfinite(loss) else "diverged"


def starred(
    values: Sequence[float],
    text: Callable[[float], str],
    best: Callable[..., float] = min,
    otherwise: Sequence[str] | None = None,
) -> list[str]:
    """Write the values of a column, with an asterisk behind the best.

    Those that are not finite are written by `text` too, unless there is something `otherwise`.
    """
    finite = [value for value in values if isfinite(value)]
    top = best(finite) if finite else None
    written = otherwise if otherwise is not None else [text(value) for value in values]
    return [
        (text(value) if isfinite(value) else instead) + ("*" if value == top else " ")
        for value, instead in zip(values, written, strict=True)
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
