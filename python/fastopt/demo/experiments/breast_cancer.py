"""Breast cancer: a classifier of tumours, trained with every optimizer of the library."""

import fastopt
from fastopt.demo import plot, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import breast_cancer
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import binary_cross_entropy
from fastopt.demo.model import Network, leaky_relu, tanh
from fastopt.demo.results import of_teams
from fastopt.demo.train import train_teams

# For each, the smallest of 0.001, 0.003, 0.01, 0.03, ... that brings the training loss under 0.006
# in 1000 steps (mean of seeds 0, 1, 2). Whoever is not listed runs with the default of its class.
LEARNING_RATES = {
    "adagrad": 0.03,
    "adam": 0.003,
    "adamax": 0.01,
    "adamw": 0.003,
    "adamwschedulefree": 0.01,
    "amsgrad": 0.003,
    "momentum": 0.03,
    "nadam": 0.003,
    "nesterov": 0.03,
    "rmsprop": 0.001,
    "sgd": 0.3,
}
NETWORK = Network((30, 20, 10, 1), (tanh, leaky_relu), binary_cross_entropy)


def roster() -> list[Contestant]:
    """List every optimizer of the library, with its learning rate."""
    return [
        Contestant(name, name, {"lr": LEARNING_RATES[name]} if name in LEARNING_RATES else {})
        for name in fastopt.names()
    ]


def run(settings: Settings) -> Outcome:
    """Train with each; draw the loss curves, in a panel for each learning rate that was asked for."""
    net, data = NETWORK, breast_cancer(settings.seed)
    teams = {
        "each at its own learning rate" if rate is None else f"learning rate {rate:g}": team
        for rate, team in line_up(roster(), net, data, settings).items()
    }
    runs = train_teams(teams, net, data, **settings.training)
    everybody = [run for team in runs.values() for run in team]
    text = (
        f"Breast cancer, network 30-20-10-1, batch {settings.batch}, steps {settings.steps}, "
        f"backend {everybody[0].backend}\n\n{report.table(everybody)}"
    )
    title = "Breast-cancer classifier: training loss by optimizer"
    return Outcome(settings, of_teams(runs), text, lambda: plot.loss_curves(runs, title))


EXPERIMENT = Experiment(
    "breast-cancer",
    "a classifier of tumours, 30-20-10-1, with every optimizer",
    {"sklearn": "scikit-learn", "tqdm": "tqdm"},
    run,
    {"optimizers": None, "steps": 1000, "batch": 128, "last": "drop", "lr": None, "clipnorm": None},
)
