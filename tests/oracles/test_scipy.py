"""The methods of `scipy.optimize.minimize`: SciPy's conventions, around steps that are ours."""

import doctest
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
from fastopt.registry import names

pytest.importorskip("scipy")

from scipy.optimize import Bounds, LinearConstraint, approx_fprime, minimize, rosen, rosen_der

import fastopt.scipy as door
from fastopt.scipy import method

Array = NDArray[Any]
START = np.array([-1.2, 1.0])
ADAM = {"lr": 0.02, "betas": (0.9, 0.99)}

# Those that need estimates of the Hessian, which no function of SciPy gives.
OF_ESTIMATES = {"adahessian", "sophia"}

# Those whose step is of a matrix alone.
OF_MATRICES = {"adamuon", "apollo", "conda", "dion", "galoreadamw", "muon", "normuon"}


def both(x: Array) -> tuple[float, Array]:
    return rosen(x), rosen_der(x)


@pytest.mark.parametrize("name", [name for name in names() if name not in OF_MATRICES | OF_ESTIMATES])
def test_steps_are_those_of_the_optimizer(name: str) -> None:
    """Bit for bit, with the loss or the function where the algorithm takes one."""
    options: dict[str, Any] = {"max_iter": 1, "max_eval": 9} if name == "lbfgs" else {}
    options["lr"] = lambda step: 1e-3 / (1 + step)
    found = minimize(
        both, START, jac=True, method=getattr(door, name), options={**options, "maxiter": 7}
    )
    x = START.copy()
    if name == "lbfgs":
        options |= {"line_search_fn": "strong_wolfe", "tolerance_grad": 0.0, "tolerance_change": 0.0}
    opt = fastopt.get(name, {"x": x}, **options)  # noise goes by the name
    for _ in range(7):
        value, g = both(x)
        if opt.takes_function:
            opt.step(lambda: (rosen(x), {"x": rosen_der(x)}))
        else:
            opt.step({"x": g}, loss=value if opt.takes_loss else None)
    if "schedulefree" in name or name == "splus":
        opt.eval()
    np.testing.assert_array_equal(found.x, x, strict=True)
    assert (found.nit, found.status, found.success) == (7, 1, False)
    assert found.fun == rosen(x)
    np.testing.assert_array_equal(found.jac, rosen_der(x))


@pytest.mark.parametrize("name", sorted(OF_MATRICES))
def test_a_matrix_is_needed_by_some(name: str) -> None:
    with pytest.raises(ValueError, match="is for matrices, and 'x' has shape"):
        minimize(both, START, jac=True, method=getattr(door, name))


@pytest.mark.parametrize("size", [2, 100])
@pytest.mark.parametrize(
    ("name", "options"),
    [("lbfgs", {}), ("polyaksgd", {}), ("momentum", {"lr": 1e-4, "momentum": 0.99})],
)
def test_rosenbrock(size: int, name: str, options: dict[str, Any]) -> None:
    start = np.where(np.arange(size) % 2, 1.0, -1.2) if size == 2 else np.full(size, 0.5)
    found = minimize(both, start, jac=True, method=getattr(door, name), options=options)
    assert found.success, found
    assert found.message == minimize(both, START, jac=True, method="BFGS").message
    np.testing.assert_allclose(
        found.x, 1.0, atol=3e-3
    )  # where gradients are below 1e-5, in this valley
    assert np.abs(found.jac).max() <= 1e-5


def logistic() -> Callable[[Array], tuple[float, Array]]:
    data = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    x = (data.data - data.data.mean(0)) / data.data.std(0)
    y = data.target

    def f(w: Array) -> tuple[float, Array]:
        z = x @ w
        error = (1 / (1 + np.exp(-z)) - y) / len(y)
        loss = np.mean(np.logaddexp(0, z) - y * z) + 0.005 * w @ w
        return loss, x.T @ error + 0.01 * w

    return f


def test_logistic_regression_arrives_where_scipy_does() -> None:
    f = logistic()
    theirs = minimize(f, np.zeros(30), jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 0})
    rates = fastopt.schedules.cosine(0.05, 600)
    for name, options in (("adam", {"lr": rates, "maxiter": 600}), ("lbfgs", {}), ("prodigy", {})):
        found = minimize(f, np.zeros(30), jac=True, method=getattr(door, name), options=options)
        # A convex loss, whose second derivative is at least 0.01: 1e-5 / 0.01.
        np.testing.assert_allclose(found.x, theirs.x, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("jac", [rosen_der, None, "2-point"])
def test_gradients_and_what_is_counted(jac: Any) -> None:
    seen: list[Array] = []

    def f(x: Array, factor: float) -> float:
        seen.append(x.copy())
        value: float = factor * rosen(x)
        x[:] = np.nan  # a copy
        return value

    def g(x: Array, factor: float) -> Any:
        return (factor * rosen_der(x)).tolist()

    options: Any = {"maxiter": 5, "lr": 1e-4}
    given = g if jac is rosen_der else jac
    found = minimize(f, START, (0.5,), door.sgd, given, options=options)
    x = START.copy()
    for _ in range(5):
        x -= 1e-4 * (
            0.5 * rosen_der(x) if jac is rosen_der else approx_fprime(x, lambda x: 0.5 * rosen(x))
        )
    np.testing.assert_allclose(found.x, x, rtol=0, atol=0 if jac is rosen_der else 1e-15)
    assert found.njev == 6
    assert found.nfev == len(seen) == (6 if jac is rosen_der else 18)


def test_a_function_of_both_is_called_once_a_step() -> None:
    calls: list[None] = []

    def f(x: Array) -> tuple[float, Array]:
        calls.append(None)
        return both(x)

    found = minimize(f, START, jac=True, method=door.adam, options={"maxiter": 9})
    assert len(calls) == found.nfev == found.njev == 10


@pytest.mark.parametrize(
    "bounds",
    [[(None, 0.5), (0, None)], Bounds([-np.inf, 0], [0.5, np.inf]), np.array([[-9, 0.5], [0, 9]])],
)
@pytest.mark.parametrize("jac", [rosen_der, None])
def test_bounds(bounds: Any, jac: Any) -> None:
    """No point outside is tried, not even for a difference, and the end is that of L-BFGS-B."""

    def f(x: Array) -> float:
        assert x[0] <= 0.5
        assert x[1] >= 0
        return float(rosen(x))

    found = minimize(f, [3.0, -4.0], method=door.adam, jac=jac, bounds=bounds, options=ADAM)
    theirs = minimize(f, [3.0, -4.0], method="L-BFGS-B", jac=jac, bounds=bounds)
    assert found.success
    np.testing.assert_allclose(found.x, theirs.x, atol=1e-5)
    assert found.x[0] == 0.5
    fixed = minimize(f, START, method=door.adam, jac=jac, bounds=Bounds(0.25, 0.25))
    assert (fixed.x.tolist(), fixed.nit, fixed.success) == ([0.25, 0.25], 0, True)


def test_callbacks_of_both_forms() -> None:
    points: list[Array] = []

    def old(xk: Array) -> None:
        points.append(xk)

    def new(intermediate_result: Any) -> None:
        assert intermediate_result.fun == rosen(intermediate_result.x)
        points.append(intermediate_result.x)
        if len(points) == 3:
            raise StopIteration

    options = {"maxiter": 4}
    found = minimize(both, START, jac=True, method=door.adam, callback=old, options=options)
    assert len({x.tobytes() for x in points}) == 4
    np.testing.assert_array_equal(points[-1], found.x)
    points.clear()
    stopped = minimize(both, START, jac=True, method=door.adam, callback=new, options=options)
    assert (stopped.nit, stopped.status, stopped.success) == (3, 99, False)
    np.testing.assert_array_equal(points[-1], stopped.x)
    points.clear()
    theirs = minimize(both, START, jac=True, method="BFGS", callback=new)
    assert (theirs.nit, theirs.status, theirs.message) == (3, 99, stopped.message)


def test_where_it_ends() -> None:
    def ends(**options: Any) -> Any:
        return minimize(both, START, jac=True, method=door.momentum, options=options)

    assert ends(lr=1e-3, gtol=1e-2).nit < ends(lr=1e-3).nit
    assert ends(lr=1e-3, ftol=1e-6).nit < ends(lr=1e-3).nit
    assert ends(lr=1e-3, ftol=1e-6).success
    assert ends(maxiter=0).status == 1
    loose = minimize(both, START, jac=True, method=door.momentum, tol=1e-2, options={"lr": 1e-3})
    assert loose.nit == ends(lr=1e-3, gtol=1e-2).nit
    with np.errstate(all="ignore"):
        lost = ends(lr=1e9)
    assert (lost.status, lost.success, lost.message) == (3, False, "NaN result encountered.")
    theirs = minimize(lambda x: np.nan, START, method="CG")
    assert (theirs.status, theirs.message) == (lost.status, lost.message)
    assert set(lost) == set(minimize(both, START, jac=True, method="CG"))


def test_what_can_be_searched_no_further() -> None:
    """The value is so coarse that no point is lower, and the gradient asks for one."""

    def coarse(x: Array) -> tuple[float, Array]:
        return 1e16 + rosen(x), rosen_der(x)

    found = minimize(coarse, START, jac=True, method=door.lbfgs)
    theirs = minimize(coarse, START, jac=True, method="CG")
    assert (found.status, found.message) == (theirs.status, theirs.message)


def test_dtypes_of_the_beginning() -> None:
    for start, dtype in (([2, 3], "float64"), (START.astype("f4"), "float32"), (3, "float64")):
        found = minimize(lambda x: (x**2).sum(), start, method=door.adam, options={"maxiter": 3})
        assert found.x.dtype == found.jac.dtype == dtype
        assert found.x.shape == np.atleast_1d(start).shape
    assert START.tolist() == [-1.2, 1.0]


def test_averages_are_the_result() -> None:
    found = minimize(both, START, jac=True, method=door.sgd, options={"maxiter": 9, "ema": 0.9})
    x = START.copy()
    opt = fastopt.SGD(x, ema=0.9)
    for _ in range(9):
        opt.step(rosen_der(x))
    with opt.averaged():
        np.testing.assert_array_equal(found.x, x)
        assert found.fun == rosen(x)


class Mine(fastopt.SGD):
    """A class of a user."""


def test_the_examples_of_docstrings() -> None:
    assert doctest.testmod(method) == (0, 5)


def test_own_classes_and_pickles(capsys: pytest.CaptureFixture[str]) -> None:
    options: Any = {"maxiter": 3, "lr": 0.001, "disp": True}
    found = minimize(both, START, jac=True, method=door.minimizer(Mine), options=options)
    assert "Maximum number of iterations" in capsys.readouterr().out
    again = pickle.loads(pickle.dumps(door.sgd))
    np.testing.assert_array_equal(
        minimize(both, START, jac=True, method=again, options=options).x, found.x
    )
    assert repr(again) == "<method of scipy.optimize.minimize: fastopt.SGD>"
    assert set(names()) <= set(dir(door))
    assert all(key in str(inspect.signature(door.sgd)) for key in ("maxiter", "gtol", "ftol", "tol"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"constraints": LinearConstraint([1, 1], 0, 1)}, "constraints is given.*'SLSQP'"),
        ({"constraints": {"type": "eq", "fun": rosen}}, "constraints is given"),
        ({"hess": lambda x: np.eye(2)}, "hess is given.*leave it out"),
        ({"hessp": lambda x, p: p}, "hessp is given"),
        ({"bounds": [(0, 1)]}, "not those of 2 elements"),
        ({"bounds": Bounds([0, 0, 0], 1)}, "not those of 2 elements"),
        ({"bounds": [(0, 1), (1, 0)]}, r"bounds of element 1 are 1\.0 and 0\.0"),
        ({"options": {"learning_rate": 0.1}}, "lr"),
        ({"options": {"maxiter": -1}}, "maxiter"),
        ({"fun": lambda x: (x, x)}, "fun has returned an array of shape"),
        ({"x0": [1j]}, "x0"),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str) -> None:
    usual: dict[str, Any] = {"fun": both, "x0": START, "jac": True, "method": door.adam}
    with pytest.raises((TypeError, ValueError), match=said):
        minimize(**{**usual, **given})


def test_bounds_are_not_for_curvature() -> None:
    with pytest.raises(ValueError, match="bounds are given, and LBFGS measures curvature"):
        minimize(both, START, jac=True, method=door.lbfgs, bounds=[(0, 1)] * 2)
    with pytest.raises(AttributeError, match="did you mean 'adam'"):
        door.adm  # noqa: B018
