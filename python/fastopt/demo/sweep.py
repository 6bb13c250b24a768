"""Sweep: which learning rates collapse a small network, and what limiting gradients cures.

A step that is too long for features that are not standardized leaves the hidden units dead for every
sample: what is left of the network can learn no more than the mean of the targets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from textwrap import fill
from typing import Any

import numpy as np

from fastopt.demo import plot, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset
from fastopt.demo.experiment import Outcome, Settings, line_up
from fastopt.demo.loss import mean_squared_error
from fastopt.demo.model import Network
from fastopt.demo.results import of_teams
from fastopt.demo.run import Run
from fastopt.demo.train import train_teams

ROSTER = [
    Contestant("gradient-descent", "sgd", whole=True),
    Contestant("mini-batch", "sgd"),
    Contestant("momentum", "sgd", {"momentum": 0.98, "lr_in_buffer": True}),
    Contestant("adam", "adam", {"eps_placement": "hat"}),
]
RATES = tuple(float(f"1e-{k}") for k in range(3, 10))
DEFAULTS = {
    "optimizers": None,
    "steps": 4000,
    "batch": 32,
    "last": "drop",
    "lr": RATES,
    "clipnorm": 2.0,
}


@dataclass(frozen=True)
class Sweep:
    """A regression at several learning rates, with and without clipnorm."""

    title: str
    network: Network
    load: Callable[[int], Dataset]  # by seed, with validation data
    mean: str  # what a collapsed network learns, in words
    note: str = ""

    def run(self, settings: Settings) -> Outcome:
        """Train with each at each rate, with and without clipnorm; draw losses by rate."""
        net, data = self.network, self.load(settings.seed)
        halves = {"without clipnorm": None, f"with clipnorm {settings.clipnorm:g}": settings.clipnorm}
        teams = {
            half: [
                contestant
                for team in line_up(ROSTER, net, data, replace(settings, clipnorm=norm)).values()
                for contestant in team
            ]
            for half, norm in halves.items()
        }
        runs = train_teams(teams, net, data, **settings.training)
        mean = mean_squared_error(np.full_like(data.y_test, data.y_train.mean()), data.y_test)[0]
        backend = next(iter(runs.values()))[0].backend
        sizes = "-".join(map(str, net.sizes))
        text = "\n\n".join([
            fill(
                f"{self.title}, network {sizes}, batch {settings.batch} (gradient-descent: all), steps "
                f"{settings.steps}, backend {backend}. Test loss at the step where the validation loss "
                f"is lowest, by learning rate; {self.mean} has {mean:,.1f}.",
                report.WIDTH,
            ),
            *(f"{half[0].upper()}{half[1:]}\n{table(team)}" for half, team in runs.items()),
        ])  # fmt: skip
        return Outcome(
            settings,
            of_teams(runs),
            text,
            lambda: self._draw(runs, mean),
            f"* lowest of its column. {self.note}".rstrip(),
            shows="test losses and loss curves",
        )

    def _draw(self, halves: dict[str, list[Run]], mean: float) -> Any:
        figure = plot.new_figure(8.2)
        grid = figure.subplots(2, 2, sharex="row", sharey="row")
        everybody = [run for runs in halves.values() for run in runs]
        style = plot.styles(dict.fromkeys(run.label for run in everybody))
        rate = everybody[0].lr
        for (above, below), (half, runs) in zip(grid.T, halves.items(), strict=True):
            for label, team in _by_label(runs).items():
                marked = {**style[label], "marker": "o", "markersize": 5}
                above.plot([run.lr for run in team], [run.chosen_test_loss for run in team], **marked)
            plot.draw_losses(below, [run for run in runs if run.lr == rate], style)
            above.set(xscale="log", yscale="log", xlabel="learning rate", title=f"Test loss {half}")
            below.set(xlabel="step", title=f"Learning rate {rate:g}, {half}")
            for axes in (above, below):
                axes.axhline(mean, **plot.REFERENCE)
                plot.add_grid(axes)
            above.grid(which="minor", axis="x", visible=False)
        ceiling = 20 * everybody[0].losses[0]
        plot.limit_losses(grid[0, 0], [run.chosen_test_loss for run in everybody], ceiling)
        plot.limit_losses(grid[1, 0], [loss for run in everybody for loss in run.losses], ceiling)
        grid[0, 0].set_ylabel("test loss at the step where\nthe validation loss is lowest")
        grid[1, 0].set_ylabel("training loss")
        grid[1, 0].set_xlim(0, max(run.steps[-1] for run in everybody))
        figure.suptitle(f"{self.title}, network {'-'.join(map(str, self.network.sizes))}")
        plot.add_legend(figure, {**style, self.mean: plot.REFERENCE})
        return figure


def table(runs: Sequence[Run]) -> str:
    """Make a row for each rate and a column for each optimizer."""
    teams = _by_label(runs)
    columns = [
        report.starred([run.chosen_test_loss for run in team], "{:,.1f}".format)
        for team in teams.values()
    ]
    rates = [f"{rate:g}" for rate in dict.fromkeys(run.lr for run in runs)]
    return report.layout(["lr", *(f"{label} " for label in teams)], rates, columns)


def _by_label(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.label, []).append(run)
    return found
