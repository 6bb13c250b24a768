"""Boston housing: which learning rates collapse a small network, and what limiting gradients cures.

A step that is too long for these features, which are not standardized, leaves the hidden units dead
for every sample: what is left of the network can learn no more than the mean price.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastopt.demo import plot, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import boston
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import mean_squared_error
from fastopt.demo.model import Network, relu
from fastopt.demo.results import of_teams
from fastopt.demo.run import Run
from fastopt.demo.train import train_teams

NETWORK = Network((13, 4, 1), (relu,), mean_squared_error)
ROSTER = [
    Contestant("gradient-descent", "sgd", whole=True),
    Contestant("mini-batch", "sgd"),
    Contestant("momentum", "sgd", {"momentum": 0.98, "lr_in_buffer": True}),
    Contestant("adam", "adam", {"eps_placement": "hat"}),
]
RATES = tuple(float(f"1e-{k}") for k in range(3, 10))


def run(settings: Settings) -> Outcome:
    """Train with each at each rate, with and without clipnorm; draw test loss by rate, and curves."""
    net, data = NETWORK, boston(settings.seed)
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
    text = "\n\n".join([
        f"Boston housing, network 13-4-1, batch {settings.batch} (gradient-descent: all), steps "
        f"{settings.steps},\nbackend {backend}. Best test loss by learning rate; the mean price "
        f"has {mean:.1f}.",
        *(f"{half[0].upper()}{half[1:]}\n{_table(team)}" for half, team in runs.items()),
    ])  # fmt: skip
    shows = "test losses and loss curves"
    return Outcome(settings, of_teams(runs), text, lambda: _draw(runs, mean), shows=shows)


def _by_label(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.label, []).append(run)
    return found


def _table(runs: Sequence[Run]) -> str:
    teams = _by_label(runs)
    columns = [
        report.starred([np.nanmin(run.test_losses) for run in team], "{:,.1f}".format)
        for team in teams.values()
    ]
    rates = [f"{rate:g}" for rate in dict.fromkeys(run.lr for run in runs)]
    return report.layout(["lr", *(f"{label} " for label in teams)], rates, columns)


def _draw(halves: dict[str, list[Run]], mean: float) -> Any:
    figure = plot.new_figure(8.0)
    grid = figure.subplots(2, 2, sharex="row", sharey="row")
    everybody = [run for runs in halves.values() for run in runs]
    style = plot.styles(dict.fromkeys(run.label for run in everybody))
    rate = everybody[0].lr
    for (above, below), (half, runs) in zip(grid.T, halves.items(), strict=True):
        for label, team in _by_label(runs).items():
            marked = {**style[label], "marker": "o", "markersize": 5}
            above.plot([run.lr for run in team], [run.test_losses[-1] for run in team], **marked)
        plot.draw_losses(below, [run for run in runs if run.lr == rate], style)
        above.set(xscale="log", yscale="log", xlabel="learning rate", title=f"Test loss {half}")
        below.set(xlabel="step", title=f"Learning rate {rate:g}, {half}")
        for axes in (above, below):
            axes.axhline(mean, **plot.REFERENCE)
            plot.add_grid(axes)
        above.grid(which="minor", axis="x", visible=False)
    ceiling = 20 * everybody[0].losses[0]
    plot.limit_losses(grid[0, 0], [run.test_losses[-1] for run in everybody], ceiling)
    plot.limit_losses(grid[1, 0], [loss for run in everybody for loss in run.losses], ceiling)
    grid[0, 0].set_ylabel("test loss after training")
    grid[1, 0].set_ylabel("loss on the training set")
    grid[1, 0].set_xlim(0, max(run.steps[-1] for run in everybody))
    figure.suptitle("Boston housing, 13-4-1")
    plot.add_legend(figure, {**style, "the mean price": plot.REFERENCE})
    return figure


EXPERIMENT = Experiment(
    "boston",
    "house prices, 13-4-1: learning rates from 1e-3 to 1e-9, with and without clipnorm",
    {"mlxtend": "mlxtend", "tqdm": "tqdm"},
    run,
    {"optimizers": None, "steps": 4000, "batch": 32, "last": "drop", "lr": RATES, "clipnorm": 2.0},
)
