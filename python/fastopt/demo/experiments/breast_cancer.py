"""Breast cancer: a classifier of tumours, trained with any optimizer of the library."""

from fastopt import registry
from fastopt.demo import plot, rates, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import breast_cancer
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import binary_cross_entropy
from fastopt.demo.model import Network, leaky_relu, tanh
from fastopt.demo.results import of_teams
from fastopt.demo.train import train_teams

# By the rule of fastopt.demo.rates. Whoever is not listed runs with the default of its class.
LEARNING_RATES = {
    "acprop": 0.0003,
    "adabelief": 0.0003,
    "adabound": 0.0003,
    "adadelta": 0.1,
    "adafactor": 0.001,
    "adagrad": 0.01,
    "adam": 0.0003,
    "adamatan2": 0.0003,
    "adamax": 0.001,
    "adamaxw": 0.001,
    "adammini": 0.0003,
    "adamod": 0.01,
    "adamp": 0.0003,
    "adamuon": 0.001,
    "adamw": 0.0003,
    "adamwschedulefree": 0.001,
    "adan": 0.0003,
    "ademamix": 0.0003,
    "adopt": 0.0003,
    "aggmo": 0.001,
    "alig": 0.01,
    "amsgrad": 0.0003,
    "asgd": 0.1,
    "dadaptlion": 0.03,
    "diffgrad": 0.001,
    "kron": 0.001,
    "lamb": 0.001,
    "laprop": 0.0003,
    "lion": 0.0003,
    "madgrad": 0.0001,
    "mechanicadamw": 0.0001,
    "mechaniclion": 0.0001,
    "mechanicsgd": 0.001,
    "momentum": 0.01,
    "muon": 0.001,
    "nadam": 0.0003,
    "nadamw": 0.0003,
    "nesterov": 0.01,
    "novograd": 0.0001,
    "optimisticadam": 0.0003,
    "optimisticsgd": 0.1,
    "padam": 0.01,
    "qhadam": 0.0003,
    "qhm": 0.03,
    "radam": 0.001,
    "rmsprop": 0.0003,
    "sgd": 0.1,
    "sgdschedulefree": 0.1,
    "signsgd": 0.0003,
    "signum": 0.0003,
    "stableadamw": 0.0003,
    "tiger": 0.0003,
    "yogi": 0.001,
}
STEPS = 1000
OWN = "each at its own learning rate"
NETWORK = Network((30, 20, 10, 1), (tanh, leaky_relu), binary_cross_entropy)


def roster() -> list[Contestant]:
    """List every optimizer of the library, with its learning rate."""
    return [
        Contestant(name, name, {"lr": LEARNING_RATES[name]} if name in LEARNING_RATES else {})
        for name in registry.names_from_gradients()
    ]


def run(settings: Settings) -> Outcome:
    """Train with each; draw the loss curves, in a panel for each learning rate that was asked for."""
    net, data = NETWORK, breast_cancer(settings.seed)
    teams = {
        OWN if rate is None else f"learning rate {rate:g}": team
        for rate, team in line_up(roster(), net, data, settings).items()
    }
    runs = train_teams(teams, net, data, **settings.training)
    everybody = [run for team in runs.values() for run in team]
    text = (
        f"Breast cancer, network 30-20-10-1, batch {settings.batch}, steps {settings.steps}, "
        f"backend {everybody[0].backend}\n\n{report.table(everybody)}"
    )
    title = "Breast-cancer classifier, network 30-20-10-1"
    rule = "" if settings.lr else rates.rule(teams[OWN], STEPS)
    return Outcome(
        settings,
        of_teams(runs),
        text,
        lambda: plot.loss_curves(runs, title, note=rule),
        f"{report.KEY} {rule}".rstrip(),
    )


EXPERIMENT = Experiment(
    "breast-cancer",
    "a classifier of tumours, 30-20-10-1; --optimizers all has every one of the library",
    {"sklearn": "scikit-learn", "tqdm": "tqdm"},
    run,
    {
        "optimizers": registry.DOZEN,
        "steps": STEPS,
        "batch": 128,
        "last": "drop",
        "lr": None,
        "clipnorm": None,
    },
)
