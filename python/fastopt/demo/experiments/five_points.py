"""Five points: four optimizers at four learning rates, each until the loss is small enough."""

from math import ceil, inf
from typing import Any

import numpy as np

from fastopt.demo import plot, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import mean_squared_error
from fastopt.demo.model import Network, relu
from fastopt.demo.results import of_teams
from fastopt.demo.run import Run
from fastopt.demo.train import train_teams

NETWORK = Network((3, 3, 1), (relu,), mean_squared_error)
GOAL = 0.1
RATES = (1e-3, 1e-2, 1e-1, 1.0)
ROSTER = [
    Contestant("sgd", "sgd"),
    # v = 0.9 v + 0.1 g from the first step on, and a step by v itself, without a learning rate
    Contestant(
        "momentum",
        "sgd",
        {"lr": 1.0, "momentum": 0.9, "dampening": 0.9, "dampen_first": True},
        has_rate=False,
    ),
    Contestant("rmsprop", "rmsprop", {"alpha": 0.9, "eps": 1e-5}),
    Contestant("adam", "adam", {"betas": (0.9, 0.9), "eps": 1e-5, "bias_correction": False}),
]


def five_points() -> Dataset:
    """Compute y = 0.8 a^3 + 0.1 b^2 + 0.5 c + 4 at five points (a, b, c); they are the test too."""
    x = np.array([[0, 1, 0.5], [0.5, 0, 1], [1, 0.5, 0], [0.2, 0.8, 0.4], [0.8, 0.3, 0.9]], np.float32)
    a, b, c = x.T
    y = (0.8 * a**3 + 0.1 * b**2 + 0.5 * c + 4).reshape(-1, 1)
    return Dataset(x, y, x, y)


def run(settings: Settings) -> Outcome:
    """Train with each at each rate; draw a panel for each rate."""
    net, data = NETWORK, five_points()
    teams = {
        f"learning rate {rate:g}": team for rate, team in line_up(ROSTER, net, data, settings).items()
    }
    runs = train_teams(teams, net, data, goal=GOAL, points=settings.steps, **settings.training)
    text = (
        f"Five points, network 3-3-1, backend {next(iter(runs.values()))[0].backend}.\nBy learning "
        f"rate: steps until the loss is under {GOAL}, or (the loss after {settings.steps})."
        f"\n\n{_table(runs)}"
    )
    title = f"Five points, network 3-3-1: training until the loss is under {GOAL}"
    note = "* fewest steps of its column. This form of momentum has no learning rate."
    return Outcome(settings, of_teams(runs), text, lambda: _draw(runs, title), note)


def _table(teams: dict[str, list[Run]]) -> str:
    columns = []
    for runs in teams.values():
        taken = [run.steps[-1] if run.final_loss < GOAL else inf for run in runs]
        lost = [f"({report.loss_text(run.final_loss)})" for run in runs]
        columns.append(report.starred(taken, "{:g}".format, otherwise=lost))
    header = ["optimizer", *(f"{title.split()[-1]} " for title in teams)]
    return report.layout(header, [run.label for run in next(iter(teams.values()))], columns)


def _draw(teams: dict[str, list[Run]], title: str) -> Any:
    """Draw the training loss, a panel for each rate: the test data are the same five points."""
    rows, columns = ceil(len(teams) / 2), min(2, len(teams))
    figure = plot.new_figure(6.4 if rows == 1 else 0.8 + 3.4 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    everybody = [run for runs in teams.values() for run in runs]
    style = plot.styles(dict.fromkeys(run.label for run in everybody))
    for axes, (name, runs) in zip(grid.flat, teams.items(), strict=False):
        plot.draw_losses(axes, runs, style)
        axes.axhline(GOAL, **plot.REFERENCE)
        axes.set_title(name, fontsize="medium")
    for axes in grid.flat[len(teams) :]:
        axes.remove()
    for axes in grid.flat[: len(teams)][-columns:]:
        axes.set_xlabel("step")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("training loss")
    losses = [loss for run in everybody for loss in run.losses]
    plot.limit_losses(grid[0, 0], losses, 4 * max(run.losses[0] for run in everybody))
    grid[0, 0].set_xscale("symlog", linthresh=1)  # some are there after a few steps, others after 1000
    grid[0, 0].set_xlim(0, max(run.steps[-1] for run in everybody))
    figure.suptitle(title)
    plot.add_legend(figure, {**style, f"goal {GOAL:g}": plot.REFERENCE})
    return figure


EXPERIMENT = Experiment(
    "five-points",
    "five points of a polynomial, 3-3-1: four optimizers at four learning rates",
    {"tqdm": "tqdm"},
    run,
    {"optimizers": None, "steps": 1000, "lr": RATES, "clipnorm": None},
)
