"""The figure of all loss curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastopt.demo.report import ranked
from fastopt.demo.train import Run

FORMATS = (".png", ".pdf", ".svg")
# Colours that differ for the colour-blind too, as far as ten can; the strokes (pattern and
# width) tell apart curves that lie on each other.
COLOURS = (
    "#4477aa", "#cc3311", "#228833", "#ee7733", "#aa3377",
    "#33bbee", "#222222", "#999933", "#332288", "#dd77aa",
)  # fmt: skip
STROKES: tuple[tuple[Any, float], ...] = (
    ("-", 2.8),
    ((0, (4, 1.5)), 2.2),
    ((0, (1, 1.8)), 2.2),
    ((0, (5, 2, 1, 2)), 1.8),
)
CEILING = 20  # times the initial loss: above it a run that diverges would squeeze the others


def save_curves(runs: Sequence[Run], path: Path, title: str) -> None:
    """Draw the loss of each run against the step, on a logarithmic scale; 1000 x 640 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    style = {run.label: i for i, run in enumerate(sorted(runs, key=lambda run: run.label))}
    for run in ranked(runs):  # so the legend stands in the order of the curves' ends
        i = style[run.label]
        axes.plot(
            run.steps,
            run.losses,
            label=f"{run.label}, lr {run.lr:g}",
            color=COLOURS[i % len(COLOURS)],
            linestyle=STROKES[i % len(STROKES)][0],
            linewidth=STROKES[i % len(STROKES)][1],
            zorder=2 + 0.1 * (i % len(STROKES)),  # broken lines over solid ones
        )
    axes.set_yscale("log")
    axes.set_ylim(top=min(axes.get_ylim()[1], CEILING * max(run.losses[0] for run in runs)))
    axes.set_xlim(0, max(run.steps[-1] for run in runs))
    axes.set_xlabel("step")
    axes.set_ylabel("loss on the training set")
    axes.set_title(title)
    axes.grid(which="major", color="0.85")
    axes.grid(which="minor", color="0.94")
    figure.legend(loc="outside right upper", title="best at the top", frameon=False)
    figure.savefig(path)
