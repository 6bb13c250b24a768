"""The demo's training runs: every optimizer learns, with the same bits on every backend."""

import io
import sys

import numpy as np
import pytest
from support.variants import WITH_ALL

pytest.importorskip("sklearn")
pytest.importorskip("tqdm")

from fastopt import backends
from fastopt.demo import contestants, data
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset
from fastopt.demo.experiments import breast_cancer
from fastopt.demo.model import Network
from fastopt.demo.report import table
from fastopt.demo.train import train, train_teams
from fastopt.registry import names_from_gradients

ROSTER = {contestant.label: contestant for contestant in breast_cancer.roster()}


@pytest.fixture(scope="module")
def tumours() -> Dataset:
    return data.breast_cancer(0)


@pytest.fixture(scope="module")
def network() -> Network:
    return breast_cancer.NETWORK


# Who takes part.


def test_every_optimizer_takes_part() -> None:
    assert {*ROSTER} == {*names_from_gradients()}


def test_an_optimizer_without_a_rate_of_ours_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breast_cancer, "LEARNING_RATES", {})
    (adamax,) = contestants.choose(breast_cancer.roster(), ["adamax"])
    assert adamax.optimizer(np.zeros(3), None).groups[0]["lr"] == 2e-3


def test_a_sweep_has_all_of_them_at_each_rate() -> None:
    fixed = Contestant("fixed", "sgd", {"lr": 1.0}, has_rate=False)
    teams = contestants.at_rates([*ROSTER.values(), fixed], [0.5, 0.25])
    for rate, team in teams.items():
        assert [c.hyperparameters["lr"] for c in team] == [rate] * len(ROSTER) + [1.0]
    assert contestants.at_rates([fixed], None) == {None: [fixed]}


# Training.


@pytest.mark.parametrize("label", ROSTER)
def test_training_learns_with_every_optimizer(label: str, network: Network, tumours: Dataset) -> None:
    # rates are chosen for 1000 steps, and with these the steps are short, or have to be found first
    slow = ("adafactor", "adamuon", "adan", "dadaptlion", "lamb", "muon")
    steps = 1000 if label in slow else 300
    run = train(ROSTER[label], network, tumours, steps=steps)
    assert run.steps[0] == 0
    assert run.steps[-1] == steps
    assert run.final_loss < run.losses[0]
    if label in breast_cancer.LEARNING_RATES:  # defaults of others may be slow here
        assert run.final_loss < 0.5 * run.losses[0]
        assert run.test_losses[-1] < 0.5 * run.test_losses[0]
        assert run.test_accuracy > 0.9
    assert 0 < run.optimizer_share < 1


@pytest.mark.parametrize("label", ["alig", "polyaksgd", "sgd"])
def test_a_loss_that_blows_up_is_a_result(label: str, network: Network, tumours: Dataset) -> None:
    """Also where the algorithm takes its step from the loss, and refuses one that is not finite."""
    run = train(ROSTER[label].having(lr=1e6), network, tumours, steps=100)
    assert run.steps[-1] == 100
    assert not run.final_loss < run.losses[0]


@pytest.mark.parametrize("label", WITH_ALL)
def test_all_backends_end_with_the_same_bits(label: str, network: Network, tumours: Dataset) -> None:
    usable = [name for name in backends.NAMES if not backends.backend(name).why_not()]
    clipped = ROSTER[label].having(clipnorm=0.1)
    runs = [train(clipped, network, tumours, backend=name, steps=50) for name in usable]
    assert [run.backend for run in runs] == usable
    for run in runs[1:]:
        assert run.losses == runs[0].losses
        for name, p in run.params.items():
            assert p.tobytes() == runs[0].params[name].tobytes(), (run.backend, name)


def test_a_run_can_be_repeated(network: Network, tumours: Dataset) -> None:
    first, again, other = (train(ROSTER["adam"], network, tumours, steps=20, seed=s) for s in (1, 1, 2))
    assert first.losses == again.losses
    assert first.losses != other.losses


def test_a_run_can_look_ahead(network: Network, tumours: Dataset) -> None:
    momentum = ROSTER["momentum"]
    ahead = Contestant("ahead", "sgd", momentum.hyperparameters | {"momentum": 0.9}, lookahead=True)
    here, there = (train(c, network, tumours, steps=20) for c in (momentum, ahead))
    assert here.losses[:2] == there.losses[:2]  # nothing lies ahead of the first step
    assert here.losses[2:] != there.losses[2:]


@pytest.mark.parametrize("name", ["sgdschedulefree", "adamwschedulefree"])
def test_schedule_free_is_measured_where_it_is_used(
    name: str, network: Network, tumours: Dataset
) -> None:
    run = train(ROSTER[name], network, tumours, steps=20)
    output = network.output(run.params, tumours.x_train)
    assert network.loss(output, tumours.y_train)[0] == run.final_loss


def test_a_run_ends_at_its_goal(network: Network, tumours: Dataset) -> None:
    run = train(ROSTER["adam"].having(lr=3e-3), network, tumours, steps=300, points=300, goal=0.2)
    assert run.steps == list(range(len(run.steps)))
    assert run.final_loss < 0.2 <= min(run.losses[:-1])


def test_divergence_is_a_result(network: Network, tumours: Dataset) -> None:
    run = train(ROSTER["sgd"].having(lr=1e6), network, tumours, steps=20)
    assert not np.isfinite(run.final_loss)
    assert run.test_accuracy == 0
    assert "diverged" in table([run])


def test_a_terminal_shows_one_progress_bar(
    network: Network, tumours: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    teams = {"a": [ROSTER["sgd"]], "b": [ROSTER["adam"]]}
    train_teams(teams, network, tumours, steps=50)
    *shown, last = terminal.getvalue().rstrip("\n").split("\r")
    assert last.startswith("adam")
    assert "100/100 steps" in last
    assert "loss " in last
    assert max(map(len, (*shown, last))) < 80
