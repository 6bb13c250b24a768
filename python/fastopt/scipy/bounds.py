"""Bounds of `scipy.optimize.minimize`, in both of its forms."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds

Array = NDArray[Any]


class Box(NamedTuple):
    """The smallest and the largest value of each element."""

    low: Array
    high: Array

    @classmethod
    def of(cls, bounds: Any, x: Array) -> Self:
        """Read them, infinite where there are none; raise ValueError for those that do not fit."""
        if bounds is None:
            bounds = Bounds()
        elif not isinstance(bounds, Bounds):
            pairs = [[_or(low, -np.inf), _or(high, np.inf)] for low, high in bounds]
            bounds = Bounds(*np.array(pairs).reshape(-1, 2).T) if len(pairs) == x.size else None
        try:
            low, high = (np.broadcast_to(a, x.shape).astype(x.dtype) for a in (bounds.lb, bounds.ub))
        except (AttributeError, ValueError):
            raise ValueError(
                f"the bounds are not those of {x.size} elements, which x0 has: give a pair for each, "
                "[(low, high), ...], with None where there is none"
            ) from None
        if not (low <= high).all():
            i = int(np.argmin(low <= high))
            raise ValueError(
                f"the bounds of element {i} are {low[i]} and {high[i]}; they must be "
                "(low, high), with low <= high"
            )
        return cls(low, high)

    def project(self, x: Array) -> None:
        """Move a point to the nearest one within, in place."""
        np.clip(x, self.low, self.high, out=x)

    def largest(self, x: Array, g: Array) -> float:
        """Return the largest element of the gradient, as far as the bounds let x follow it."""
        return float(np.abs(np.clip(g, x - self.high, x - self.low)).max(initial=0.0))


def _or(given: Any, unbounded: float) -> Any:
    return unbounded if given is None else given
