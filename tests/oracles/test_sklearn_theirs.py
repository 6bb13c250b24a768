"""scikit-learn's own tests of its perceptrons, and of any estimator, with ours in their place."""

import importlib.util
from typing import Any

import pytest

pytest.importorskip("sklearn")

import sklearn.neural_network as theirs
from sklearn.neural_network.tests import test_mlp
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastopt.sklearn as door

pytestmark = [
    pytest.mark.filterwarnings("default"),  # as they are run there
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer"),
]

# Trained by SciPy, in whose place nothing of ours is; and those that take seconds.
LEFT_OUT = ("lbfgs", "partial_fit_classification", "iter_no_change_inf", "test_warm_start")


def of_ours() -> dict[str, Any]:
    """Import their tests once more, where the names of the estimators mean ours."""
    spec: Any = importlib.util.spec_from_file_location("test_mlp_of_ours", test_mlp.__file__)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in door.__all__:
            patch.setattr(theirs, name, getattr(door, name))
        spec.loader.exec_module(module)
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    return {name: test for name, test in tests.items() if not any(each in name for each in LEFT_OUT)}


globals().update(of_ours())


@pytest.fixture
def global_random_seed() -> int:
    """Stand in for that of their conftest."""
    return 0


def test_they_are_there() -> None:
    assert len(of_ours()) > 30


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        door.MLPClassifier(20, max_iter=40, learning_rate_init=0.02),
        door.MLPRegressor(
            hidden_layer_sizes=20, optimizer="adamw", max_iter=40, learning_rate_init=0.03
        ),
    ]
)
def test_checks(estimator: Any, check: Any) -> None:
    check(estimator)
