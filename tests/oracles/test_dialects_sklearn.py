"""like="sklearn" against the solvers of scikit-learn's MLPClassifier, in float64."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.peers import STEPS, cases, complete, side_by_side
from transcribed import Options
from transcribed.sklearn import DEFAULTS

import fastopt

if TYPE_CHECKING:
    from oracles.conftest import Difference, ProblemMaker

solvers = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
neural_network = pytest.importorskip("sklearn.neural_network")

# The same operations in another order: a few units of 1e-16 a step. The largest measured is 3.6e-16.
TOLERANCE = 1e-12


class Sklearn:
    def __init__(self, name: str, options: Options, start: dict[str, Any]) -> None:
        h = complete("sklearn", name, options)
        self.now = start
        params = [*start.values()]
        if name == "sgd":
            self.solver = solvers.SGDOptimizer(params, h.lr, momentum=h.momentum, nesterov=h.nesterov)
        else:
            self.solver = solvers.AdamOptimizer(params, h.lr, *h.betas, h.eps)
        # Adam overwrites the other one with its corrected rate.
        self.rate = "learning_rate" if name == "sgd" else "learning_rate_init"

    def step(self, grads: Mapping[str, Any], lr: float) -> None:
        setattr(self.solver, self.rate, lr)
        self.solver.update_params([*self.now.values()], [grads[key] for key in self.now])

    def parameters(self) -> Mapping[str, Any]:
        return self.now


@cases("sklearn")
def test_the_rule(
    name: str, options: Options, problem: "ProblemMaker", difference: "Difference"
) -> None:
    some = problem(STEPS, absent=False)
    peer = Sklearn(name, options, some.parameters())
    for where, ours, theirs in side_by_side("sklearn", name, options, peer, some.grads):
        assert difference(ours, theirs) <= TOLERANCE, where


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
def test_the_defaults(estimator: str) -> None:
    signature = inspect.signature(getattr(neural_network, estimator)).parameters
    theirs = {key: parameter.default for key, parameter in signature.items()}
    lr = theirs["learning_rate_init"]
    assert DEFAULTS["sgd"] == {
        "lr": lr,
        "momentum": theirs["momentum"],
        "nesterov": theirs["nesterovs_momentum"],
    }
    assert DEFAULTS["adam"] == {
        "lr": lr,
        "betas": (theirs["beta_1"], theirs["beta_2"]),
        "eps": theirs["epsilon"],
    }


def test_nesterov_without_momentum_is_plain() -> None:
    """And here: who asks for no momentum need not switch off what depends on it."""
    peer = Sklearn("sgd", {"momentum": 0.0}, {"p": np.ones(3)})
    peer.step({"p": np.ones(3)}, 0.5)
    p = np.ones(3)
    fastopt.SGD([p], like="sklearn", lr=0.5, momentum=0.0).step([np.ones(3)])
    np.testing.assert_array_equal(peer.parameters()["p"], 0.5)
    np.testing.assert_array_equal(p, 0.5)
