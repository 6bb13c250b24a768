"""The function that SciPy minimizes, and its gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

Array = NDArray[Any]

EPSILON = 1.4901161193847656e-08  # the length of SciPy's finite differences


class Objective:
    """Value and gradient at points, of which the last is remembered; counts the calls.

    Without a gradient there are forward differences, as in SciPy's own methods, and backward ones
    where a bound is in the way.
    """

    def __init__(self, fun: Any, jac: Any, args: tuple[Any, ...], high: Array) -> None:
        self._fun, self._jac, self._args, self._high = fun, jac, args, high
        self.nfev = self.njev = 0
        self._at: tuple[Array, float, Array] | None = None

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Compute value and gradient at x; both functions are given copies of it."""
        if self._at is None or not np.array_equal(self._at[0], x):
            value = self._value(x)
            self._at = x.copy(), value, self._gradient(x, value)
        return self._at[1:]

    def _value(self, x: Array) -> float:
        self.nfev += 1
        value = self._fun(x.copy(), *self._args)
        if np.size(value) != 1:
            raise ValueError(
                f"fun has returned an array of shape {np.shape(value)}; it must be one number, and "
                "with jac=True also the gradient: return float(loss), gradient"
            )
        return float(np.asarray(value).item())

    def _gradient(self, x: Array, value: float) -> Array:
        self.njev += 1
        if self._jac is not None:
            return np.array(self._jac(x.copy(), *self._args), x.dtype)
        differences: Callable[..., Any] = approx_fprime
        steps = np.where(x + EPSILON > self._high, -EPSILON, EPSILON)
        known: list[float] = [value]  # at x, where it is asked for first
        found = differences(x, lambda at: known.pop() if known else self._value(at), steps)
        return np.array(found, x.dtype)
