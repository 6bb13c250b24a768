"""A method of `scipy.optimize.minimize`: steps of an optimizer, until one of SciPy's limits."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from fastopt.algorithm import check_need
from fastopt.moves import keeps_averages
from fastopt.optimizer import Optimizer
from fastopt.registry import find
from fastopt.runtime import describe, whole
from fastopt.scipy.bounds import Box
from fastopt.scipy.objective import Objective

Array = NDArray[Any]

MAXITER = 15_000  # as L-BFGS-B has it
GTOL = 1e-5  # as BFGS and CG have it

_MESSAGES = {  # SciPy's own, by its numbers
    0: "Optimization terminated successfully.",
    1: "Maximum number of iterations has been exceeded.",
    2: "Desired error not necessarily achieved due to precision loss.",
    3: "NaN result encountered.",
    99: "`callback` raised `StopIteration`.",
}

# Of L-BFGS, unless given: a search along each direction, and SciPy's limits instead of its own.
_SEARCH = {
    **{"max_iter": 1, "max_eval": 26, "line_search_fn": "strong_wolfe"},
    **{"tolerance_grad": 0.0, "tolerance_change": 0.0},
}

_REMEDIES = {
    "hess": "these methods use the gradient alone: leave it out, or take method='trust-ncg'",
    "hessp": "these methods use the gradient alone: leave it out, or take method='trust-ncg'",
    "constraints": "these methods know bounds alone: take method='SLSQP' or 'trust-constr'",
}


class Method:
    """A ``method=`` of `scipy.optimize.minimize`; see `minimizer`."""

    def __init__(self, kind: type[Optimizer], preset: dict[str, Any]) -> None:
        check_need(kind, {"estimate": "take method='trust-ncg', or one such as fastopt.scipy.adam"})
        self._kind, self._preset = kind, preset

    def __repr__(self) -> str:
        return f"<method of scipy.optimize.minimize: fastopt.{self._kind.__name__}>"

    def __call__(
        self,
        fun: Callable[..., Any],
        x0: Any,
        args: tuple[Any, ...] = (),
        *,
        jac: Callable[..., Any] | None = None,
        bounds: Any = None,
        callback: Callable[..., Any] | None = None,
        maxiter: int | None = None,
        gtol: float | None = None,
        ftol: float = 0.0,
        tol: float | None = None,
        disp: bool = False,
        **options: Any,
    ) -> OptimizeResult:
        """Minimize; called by SciPy. What is no limit is an option of the optimizer."""
        for name, remedy in _REMEDIES.items():
            given = options.pop(name, None)
            if given is not None and np.size(given):
                raise ValueError(f"{name} is given, and {remedy}")
        x = _start(x0)
        box = Box.of(bounds, x)
        box.project(x)
        objective = Objective(fun, jac, args, box.high)
        most = MAXITER if maxiter is None else whole(maxiter, "maxiter", 0)
        gtol, *_ = [each for each in (gtol, tol, GTOL) if each is not None]
        run = _Run(self._optimizer(x, bounds, options), x, box, objective)
        result = run.result(run.until(most, gtol, ftol, _called(callback)))
        if disp:
            print(f"{result.message}\n  fun: {result.fun}\n  nit: {result.nit}\n  nfev: {result.nfev}")
        return result

    def _optimizer(self, x: Array, bounds: Any, options: dict[str, Any]) -> Optimizer:
        usual: dict[str, Any] = {}
        if self._kind.takes_function:
            if bounds is not None:
                raise ValueError(
                    f"bounds are given, and {self._kind.__name__} measures curvature, which a "
                    "projection spoils: take method='L-BFGS-B', or one such as fastopt.scipy.adam"
                )
            usual = {key: value for key, value in _SEARCH.items() if key in self._kind.hyperparameters}
        return self._kind({"x": x}, **{**usual, **self._preset, **options})


class _Run:
    """The iterations of one call."""

    def __init__(self, opt: Optimizer, x: Array, box: Box, objective: Objective) -> None:
        self._opt, self._x, self._box, self._objective = opt, x, box, objective
        self.value, self.g = objective(x)
        self.nit = 0

    def until(
        self, maxiter: int, gtol: float, ftol: float, callback: Callable[[OptimizeResult], None]
    ) -> int:
        """Iterate until one of the limits; return SciPy's number for it."""
        while np.isfinite(self.value) and np.isfinite(self.g).all():
            if self._box.largest(self._x, self.g) <= gtol:
                return 0
            if self.nit == maxiter:
                return 1
            before, at = self.value, self._x.copy()
            self._step()
            if self._opt.takes_function and np.array_equal(self._x, at):
                return 2
            self.nit += 1
            try:
                callback(OptimizeResult(x=self._x.copy(), fun=self.value))
            except StopIteration:
                return 99
            largest = max(abs(before), abs(self.value), 1.0)
            if ftol > 0.0 and abs(before - self.value) <= ftol * largest:
                return 0
        return 3

    def _step(self) -> None:
        if self._opt.takes_function:
            self._opt.step(lambda: _named(self._objective(self._x)))
        elif self._opt.takes_loss:
            self._opt.step({"x": self.g}, loss=self.value)
        else:
            self._opt.step({"x": self.g})
        self._box.project(self._x)
        self.value, self.g = self._objective(self._x)

    def result(self, status: int) -> OptimizeResult:
        """Return what SciPy returns, at the average where the optimizer keeps one."""
        if keeps_averages(self._opt):
            with self._opt.averaged():
                x = self._x.copy()
            self._box.project(x)
            self._x[:] = x
            self.value, self.g = self._objective(x)
        return OptimizeResult(
            x=self._x,
            fun=self.value,
            jac=self.g,
            nit=self.nit,
            nfev=self._objective.nfev,
            njev=self._objective.njev,
            success=status == 0,
            status=status,
            message=_MESSAGES[status],
        )


def _named(found: tuple[float, Array]) -> tuple[float, dict[str, Array]]:
    return found[0], {"x": found[1]}


def _start(x0: Any) -> Array:
    """Copy the point to begin at, as float64 if it is not float32."""
    x = np.atleast_1d(np.asarray(x0))
    if x.dtype.kind not in "fiub":
        raise TypeError(f"x0 is {describe(x)}; it must be real numbers, such as np.zeros(2)")
    return np.array(x, np.float32 if x.dtype == np.float32 else np.float64)


def _called(callback: Callable[..., Any] | None) -> Callable[[OptimizeResult], None]:
    """Return how a callback is called: SciPy goes by the name of its argument."""
    if callback is None:
        return lambda result: None
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:
        return lambda result: callback(intermediate_result=result)
    return lambda result: callback(result.x)


def minimizer(algorithm: str | type[Optimizer]) -> Method:
    """Make a method of `scipy.optimize.minimize` of an optimizer: its name, or a class of your own.

    ::

        minimize(fun, x0, jac=True, method=minimizer(Mine), options={"lr": 0.1, "maxiter": 500})

    Options are those of the optimizer by their names, learning rates that are functions of the
    iteration among them, and SciPy's own:

    maxiter : int
        The largest number of iterations, each a step; 15,000, as L-BFGS-B has it.
    gtol : float
        Success where no element of the gradient is larger, of those that the bounds let x follow;
        1e-5, or the ``tol`` of `minimize`.
    ftol : float
        Success where the value has changed by no more, relative to the larger of the two and 1, in one
        iteration. 0, the default, leaves it out, since steps of momentum may turn anywhere.
    disp : bool
        Print the outcome.

    Without ``jac`` the gradient is found by finite differences, as with SciPy's own methods. After
    each step x is moved into the ``bounds``. The algorithms that take the loss are given it. The result
    is at the last point or, with Schedule-Free algorithms, ``ema=`` and ``swa_start=``, at its average.

    Parameters
    ----------
    algorithm : str or class
        A name as of `fastopt.get`, or a subclass of `Optimizer`.

    Returns
    -------
    Method
        A callable. It raises TypeError and ValueError for options, bounds and points that do not fit,
        and for ``constraints`` and ``hess``, which it does not know.

    Examples
    --------
    >>> from scipy.optimize import minimize, rosen, rosen_der
    >>> options = {"lr": 1e-3, "maxiter": 5000}
    >>> method = minimizer("momentum")
    >>> result = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=method, options=options)
    >>> result.success, result.x.round(3)
    (True, array([1., 1.]))
    """
    if isinstance(algorithm, type) and issubclass(algorithm, Optimizer):
        return Method(algorithm, {})
    kind, preset = find(algorithm)
    return Method(kind, dict(preset))
