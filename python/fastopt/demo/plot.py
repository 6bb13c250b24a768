"""Figures, and the loss curves in them."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
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
)
REFERENCE: dict[str, Any] = {"color": "0.3", "linewidth": 1.2, "zorder": 1.9}  # over the grid

Style = dict[str, Any]


def new_figure(height: float = 6.4) -> Any:
    """Make a figure 1000 pixels wide that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def styles(labels: Iterable[str]) -> dict[str, Style]:
    """Choose a line for each label: a colour and a stroke."""
    return {
        label: {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": STROKES[i % len(STROKES)][0],
            "linewidth": STROKES[i % len(STROKES)][1],
            "zorder": 2 + 0.1 * (i % len(STROKES)),  # broken lines over solid ones
        }
        for i, label in enumerate(labels)
    }


def loss_curves(
    teams: Mapping[str, Sequence[Run]],
    title: str,
    *,
    ceiling: float = 20,
    goal: float | None = None,
) -> Any:
    """Draw training loss against step: a panel for each team, by its title, all on the same scale.

    The legend of a single panel stands in the order of the curves' ends and has the learning
    rates; with several panels, their titles do. Losses above `ceiling` times the initial one are
    left out: a run that diverges would squeeze the others. A `goal` is a line.
    """
    everybody = [run for runs in teams.values() for run in runs]
    style = styles(dict.fromkeys(run.label for run in everybody))
    rows, columns = ceil(len(teams) / 2), min(2, len(teams))
    figure = new_figure(6.4 if rows == 1 else 0.8 + 3.4 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, runs) in zip(grid.flat, teams.items(), strict=False):
        draw_losses(axes, runs, style)
        if goal is not None:
            axes.axhline(goal, **REFERENCE)
        if len(teams) > 1:
            axes.set_title(name, fontsize="medium")
    for axes in grid.flat[len(teams) :]:
        axes.remove()
    for axes in grid.flat[: len(teams)][-columns:]:
        axes.set_xlabel("step")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("loss on the training set")
    initial = max(run.losses[0] for run in everybody)
    losses = [loss for run in everybody for loss in run.losses]
    limit_losses(grid[0, 0], losses, ceiling * initial)
    if goal is not None:  # some are there after a few steps, others after a thousand
        grid[0, 0].set_xscale("symlog", linthresh=1)
    grid[0, 0].set_xlim(0, max(run.steps[-1] for run in everybody))
    if len(teams) == 1:
        figure.legend(loc="outside right upper", title="best at the top", frameon=False)
        axes = grid[0, 0]
        axes.set_title(title)
    else:
        figure.suptitle(title)
        add_legend(figure, style if goal is None else {**style, f"goal {goal:g}": REFERENCE})
    return figure


def draw_losses(axes: Any, runs: Sequence[Run], style: Mapping[str, Style]) -> None:
    """Draw the loss of each run against the step, on a logarithmic scale."""
    for run in ranked(runs):
        axes.plot(run.steps, run.losses, label=f"{run.label}, lr {run.lr:g}", **style[run.label])
    axes.set_yscale("log")
    add_grid(axes)


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
