"""The table of results for the terminal, at most 80 columns wide."""

from collections.abc import Sequence
from math import inf, isfinite

from fastopt.demo.train import Run

HEADER = ("lr", "training loss", "test accuracy", "steps/s", "in optimizer")
WIDTHS = (9, 15, 15, 10, 14)


def ranked(runs: Sequence[Run]) -> list[Run]:
    """Sort by the final loss; runs that diverged come last."""
    return sorted(runs, key=lambda run: run.final_loss if isfinite(run.final_loss) else inf)


def table(runs: Sequence[Run]) -> str:
    """Make a line for each run, the lowest loss first; asterisks mark the best of each column."""
    ranks = ranked(runs)
    names = [run.label for run in ranks]
    least_loss = ranks[0].final_loss
    best_accuracy = max(run.test_accuracy for run in runs)
    best_pace = max(run.steps_per_second for run in runs)
    least_share = min(run.optimizer_share for run in runs)

    name_width = min(79 - sum(WIDTHS), max(len(name) for name in ("optimizer", *names)))
    lines = [_line("optimizer", name_width, [f"{head} " for head in HEADER])]
    lines.append("-" * len(lines[0].rstrip()))
    for run in ranks:
        loss = run.final_loss
        cells = [
            f"{run.lr:.3g} ",
            _starred(f"{loss:.2e}" if isfinite(loss) else "diverged", loss == least_loss),
            _starred(f"{run.test_accuracy:.1%}", run.test_accuracy == best_accuracy),
            _starred(f"{run.steps_per_second:,.0f}", run.steps_per_second == best_pace),
            _starred(f"{run.optimizer_share:.1%}", run.optimizer_share == least_share),
        ]
        lines.append(_line(run.label, name_width, cells))
    return "\n".join(line.rstrip() for line in lines)


def _starred(text: str, best: bool) -> str:
    return text + ("*" if best else " ")


def _line(name: str, name_width: int, cells: Sequence[str]) -> str:
    columns = (f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    return f"{name[:name_width]:<{name_width}}" + "".join(columns)
