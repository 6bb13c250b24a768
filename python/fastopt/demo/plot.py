"""Figures, and the loss curves in them."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

from fastopt.demo.report import ranked
from fastopt.demo.run import Run

# Colours that differ for the colour-blind too, as far as twelve can; the strokes (pattern and
# width) tell apart curves that lie on each other.
COLOURS = (
    "#4477aa", "#cc3311", "#228833", "#ee7733", "#aa3377",
    "#33bbee", "#222222", "#999933", "#332288", "#dd77aa", "#885522", "#888888",
)  # fmt: skip
STROKES: tuple[tuple[Any, float], ...] = (
    ("-", 2.8),
    ((0, (4, 1.5)), 2.2),
    ((0, (1, 1.8)), 2.2),
    ((0, (5, 2, 1, 2)), 1.8),
    ((0, (9, 2)), 1.6),
    ((0, (4, 1, 1, 1, 1, 1)), 1.6),
    ((0, (1, 4)), 2.2),
    ((0, (9, 1.5, 3, 1.5)), 1.6),
)
REFERENCE: dict[str, Any] = {"color": "0.3", "linewidth": 1.2, "zorder": 1.9}  # over the grid

CURVES = {"losses": "training loss", "test_losses": "test loss"}  # of a Run
Style = dict[str, Any]


def new_figure(height: float = 6.4) -> Any:
    """Make a figure 1000 pixels wide that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def styles(labels: Iterable[str]) -> dict[str, Style]:
    """Choose a line for each label: a colour and a stroke, together new for 96 labels."""
    return {
        label: {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": STROKES[stroke][0],
            "linewidth": STROKES[stroke][1],
            "zorder": 2 + 0.1 * stroke,  # broken lines over solid ones
        }
        for i, label in enumerate(labels)
        for stroke in [(i + i // len(COLOURS)) % len(STROKES)]  # another when the colours come again
    }


def loss_curves(
    teams: Mapping[str, Sequence[Run]], title: str, *, ceiling: float = 20, note: str = ""
) -> Any:
    """Draw training and test loss against the step: a row for each team, all on the same scales.

    The legend of a row stands in the order of the training losses' ends. Losses above `ceiling` times
    the initial one are left out: a run that diverges would squeeze the others. The `note` stands below.
    """
    everybody = [run for runs in teams.values() for run in runs]
    style = styles(dict.fromkeys(run.label for run in everybody))
    # As high as the legend, which has a line of a fifth of an inch for each run.
    legend = 1.4 + 0.2 * max(map(len, teams.values()))
    height = max(6.4, legend) if len(teams) == 1 else 1.0 + max(3.5, legend) * len(teams)
    figure = new_figure(height)
    grid = figure.subplots(len(teams), 2, squeeze=False, sharex=True, sharey="col")
    for row, (name, runs) in zip(grid, teams.items(), strict=True):
        for axes, (curve, what) in zip(row, CURVES.items(), strict=True):
            draw_losses(axes, runs, style, curve)
            axes.set_title(f"{what}, {name}" if len(teams) > 1 else what, fontsize="medium")
        row[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0, frameon=False,
                       fontsize="small", handlelength=3.2, title="lowest training loss first",
                       title_fontsize="small")  # fmt: skip
    for axes, curve in zip(grid[0], CURVES, strict=True):
        curves = [getattr(run, curve) for run in everybody]
        losses = [loss for curve in curves for loss in curve]
        limit_losses(axes, losses, ceiling * max(curve[0] for curve in curves))
    for axes in grid[-1]:
        axes.set_xlabel("step")
    grid[0, 0].set_xlim(0, max(run.steps[-1] for run in everybody))
    figure.suptitle(title)
    add_note(figure, note)
    return figure


def draw_losses(
    axes: Any, runs: Sequence[Run], style: Mapping[str, Style], curve: str = "losses"
) -> None:
    """Draw a loss of each run against the step, on a logarithmic scale."""
    for run in ranked(runs):
        label = f"{run.label}, lr {run.lr:g}"
        axes.plot(run.steps, getattr(run, curve), label=label, **style[run.label])
    axes.set_yscale("log")
    add_grid(axes)


def add_note(figure: Any, note: str) -> None:
    """Write a note below all panels."""
    if note:
        figure.supxlabel(fill(note, 140, break_on_hyphens=False), fontsize="small")


def add_legend(figure: Any, style: Mapping[str, Style]) -> None:
    """Explain the styles below all panels."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **line, label=label) for label, line in style.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=min(5, len(lines)),
                  frameon=False, handlelength=3.5)  # fmt: skip


def limit_losses(axes: Any, losses: Sequence[float], ceiling: float) -> None:
    """Show these losses, without those above the ceiling."""
    inside = [loss for loss in losses if 0 < loss <= ceiling] or [ceiling]
    beyond = any(not loss <= ceiling for loss in losses)
    axes.set_ylim(min(inside) / 1.3, ceiling if beyond else 1.3 * max(inside))


def add_grid(axes: Any) -> None:
    """Draw lines at the ticks, fainter between."""
    axes.grid(which="major", color="0.85")
    axes.grid(which="minor", color="0.94")
