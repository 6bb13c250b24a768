"""`fastopt.sklearn`: what scikit-learn's perceptrons do, and what other optimizers add."""

import copy
import doctest
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt

pytest.importorskip("sklearn")

from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import fastopt.sklearn as door
from fastopt.sklearn import perceptrons

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # short runs

X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
USUAL: dict[str, Any] = {"hidden_layer_sizes": (12, 8), "random_state": 0, "max_iter": 8}


def gap(one: Any, other: Any) -> float:
    arrays = zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True)
    return max(float(np.abs(p - q).max()) for p, q in arrays)


SOLVERS: list[dict[str, Any]] = [
    {"solver": "adam", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4},
    {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False},
    {"solver": "sgd", "momentum": 0.7, "learning_rate": "invscaling", "power_t": 0.3},
    {"solver": "sgd", "momentum": 0.0, "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    {"solver": "adam", "early_stopping": True, "max_iter": 30, "n_iter_no_change": 2},
    {"solver": "sgd", "warm_start": True},
]


@pytest.mark.parametrize("options", SOLVERS, ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("kind", door.__all__)
def test_the_solvers_are_theirs(kind: str, options: dict[str, Any]) -> None:
    """Within rounding in float64; the SGD of both has the same operations."""
    given = {**USUAL, "learning_rate_init": 0.02, "alpha": 0.01, **options}
    ours, peer = getattr(door, kind)(**given), getattr(theirs, kind)(**given)
    for _ in range(2 if "warm_start" in options else 1):
        ours.fit(X, Y)
        peer.fit(X, Y)
    assert gap(ours, peer) <= (0 if options["solver"] == "sgd" else 1e-12)  # measured: 6e-15
    assert ours.n_iter_ == peer.n_iter_
    np.testing.assert_allclose(ours.loss_curve_, peer.loss_curve_, rtol=1e-12)
    assert ours._optimizer.learning_rate == pytest.approx(peer._optimizer.learning_rate) or (
        options["solver"] == "adam"  # where they have the corrections in it
    )


def test_single_precision_and_weights_of_samples() -> None:
    """Gradients come in float64 there, by the sum of weights."""
    weights = np.linspace(0.5, 2.0, len(Y))
    ours = door.MLPClassifier(**USUAL).fit(X.astype("f4"), Y, weights)
    peer = theirs.MLPClassifier(**USUAL).fit(X.astype("f4"), Y, weights)
    assert ours.coefs_[0].dtype == "float32"
    assert gap(ours, peer) <= 1e-5  # of weights of 1 after 16 steps of rounding


class ByHand:
    """A stand-in for scikit-learn's optimizer, of formulas."""

    learning_rate = 0.0

    def __init__(self, step: Callable[[int, Array, Array, dict[str, Any]], Array]) -> None:
        self.step, self.t, self.states = step, 0, [{} for _ in range(6)]  # type: ignore[var-annotated]

    def update_params(self, params: list[Array], grads: list[Array]) -> None:
        self.t += 1
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        for p, g, state in zip(params, grads, self.states, strict=True):
            p[...] = self.step(self.t, p, g * min(1.0, 0.3 / norm), state)

    def iteration_ends(self, time_step: int) -> None:
        pass

    def trigger_stopping(self, *_: Any) -> bool:
        return False


def test_adamw_with_a_schedule_and_clipping_by_hand() -> None:
    def step(t: int, p: Array, g: Array, state: dict[str, Any]) -> Array:
        lr = 0.02 * 0.5 * (1 + np.cos(np.pi * (t - 1) / 20))
        m = state["m"] = 0.8 * state.get("m", 0.0) + 0.2 * g
        v = state["v"] = 0.9 * state.get("v", 0.0) + 0.1 * g * g
        p = p - lr * 0.1 * p
        moved: Array = p - lr * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
        return moved

    options = {
        "lr": fastopt.schedules.cosine(0.02, 20),
        "betas": (0.8, 0.9),
        "eps": 1e-3,
        "weight_decay": 0.1,
        "global_clipnorm": 0.3,
    }
    ours = door.MLPClassifier(**USUAL, alpha=0.0, optimizer="adamw", optimizer_options=options)
    peer = theirs.MLPClassifier(**USUAL, alpha=0.0)
    peer._optimizer = ByHand(step)
    for _ in range(8):
        ours.partial_fit(X, Y, classes=range(10))
        peer.partial_fit(X, Y, classes=range(10))
    assert gap(ours, peer) <= 1e-12
    assert ours._optimizer.optimizer.step_count == 16


def test_the_loss_goes_to_those_that_take_it() -> None:
    ours = door.MLPClassifier(**USUAL, optimizer="polyaksgd", learning_rate_init=1.0)
    losses: list[float] = []
    ours.partial_fit(X, Y, classes=range(10))
    ours._optimizer.optimizer.before_step(lambda opt: losses.append(ours._optimizer.loss))
    ours.partial_fit(X, Y)
    assert ours.loss_ == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_in_the_middle_goes_on_with_the_same_bits(way: Any) -> None:
    options = {"lr": fastopt.schedules.cosine(0.02, 20), "ema": 0.9}
    straight = door.MLPClassifier(**USUAL, optimizer="nadam", optimizer_options=options)
    straight.partial_fit(X, Y, classes=range(10))
    other = way(way(straight))
    assert straight.coefs_[0] is not other.coefs_[0]
    for _ in range(3):
        straight.partial_fit(X, Y)
        other.partial_fit(X, Y)
        other = way(other)
    assert gap(straight, other) == 0
    assert other._optimizer.optimizer is None  # until it has arrays again
    assert other.partial_fit(X, Y)._optimizer.optimizer.step_count == 10


def test_weights_that_were_replaced_are_trained_on() -> None:
    """With the momentum of before, as there."""
    given: dict[str, Any] = {**USUAL, "solver": "sgd"}
    ours, peer = door.MLPClassifier(**given).fit(X, Y), theirs.MLPClassifier(**given).fit(X, Y)
    for model in (ours, peer):
        model.coefs_ = [p + 0.01 for p in model.coefs_]
        model.partial_fit(X, Y)
    assert gap(ours, peer) == 0


def test_a_search_in_processes() -> None:
    grid = {"optimizer": ["sgd", "adamw"], "optimizer_options": [{"lr": 1e-4}, {"lr": 0.03}]}
    search = GridSearchCV(door.MLPClassifier(**USUAL), grid, n_jobs=2, cv=2, error_score="raise")
    search.fit(X, Y)
    assert search.best_params_ == {"optimizer": "adamw", "optimizer_options": {"lr": 0.03}}
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
    assert "optimizer='adamw'" in repr(search.best_estimator_)


def test_groups_keep_their_own_rate() -> None:
    """Matrices by Muon, biases by AdamW, of which the first has the rate of the estimator."""
    given: dict[str, Any] = {**USUAL, "learning_rate": "invscaling", "learning_rate_init": 0.5}
    options = {"groups": {"intercepts_.*": {"algorithm": "adamw", "lr": 0.25}}}
    model = door.MLPClassifier(**given, optimizer="muon", optimizer_options=options).fit(X, Y)
    rates = {group["lr"] for group in model._optimizer.optimizer.groups}
    # That of the last pass, whose steps have been taken: after 7 times 400 samples.
    assert rates == {0.25, 0.5 / (7 * len(X) + 1) ** 0.5}


class Mine(fastopt.SGD):
    """A class of a user."""


def test_a_class_is_taken() -> None:
    one = door.MLPClassifier(**USUAL, optimizer=Mine).fit(X, Y)
    assert gap(one, door.MLPClassifier(**USUAL, optimizer="sgd").fit(X, Y)) == 0
    assert type(one._optimizer.optimizer) is Mine


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"optimizer": "adamv"}, "did you mean 'adam'"),
        ({"optimizer": int}, "it must be a name, such as 'adamw', or a class"),
        ({"optimizer": 3}, "optimizer"),
        ({"optimizer": "lbfgs"}, "take solver='lbfgs'"),
        ({"optimizer": "adam", "optimizer_options": {"learning_rate": 1}}, "lr"),
        (
            {"optimizer": "adam", "optimizer_options": {"lr": 1}, "learning_rate": "adaptive"},
            "leave one of them out",
        ),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        door.MLPClassifier(**USUAL, **given).fit(X, Y)


def test_the_examples_of_docstrings() -> None:
    assert doctest.testmod(perceptrons) == (0, 5)
