"""The exponential moving average of the parameters, which is updated in the sweep."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.hyperparameters import describe
from fastopt.memory import state_beside

SWAPPED = 1 << 16  # elements that are swapped at a time


class Averages:
    """One array beside each parameter: ``e = beta * e + (1 - beta) * p`` after each step.

    Without bias correction it begins at a copy of the parameters, with it at nothing: the weights are
    then such that it is the mean that a beginning at 0, corrected, would have.
    """

    def __init__(
        self, beta: float | Callable[[int], float], corrected: bool, parameters: Sequence[NDArray[Any]]
    ) -> None:
        self._beta = beta
        self._corrected = corrected
        self._remains = self._pending = 1.0  # the product of all betas, and with that of the next step
        self.arrays = [state_beside(p, p, 7) for p in parameters]

    def weights(self, step: int) -> tuple[float, float]:
        """Compute what is kept and taken at a step, 0, 1, 2, ..., which `commit` counts."""
        beta = self._beta_at(step)
        if not self._corrected:
            return beta, 1.0 - beta
        self._pending = self._remains * beta
        left = 1.0 - self._pending
        return beta * (1.0 - self._remains) / left, (1.0 - beta) / left

    def commit(self) -> None:
        """Count the step whose weights were computed last."""
        self._remains = self._pending

    def _beta_at(self, step: int) -> float:
        if not callable(self._beta):
            return self._beta
        beta = self._beta(step)
        if isinstance(beta, bool) or not isinstance(beta, (int, float, np.floating)):
            raise TypeError(f"ema({step}) is {describe(beta)}; it must be a number >= 0 and < 1")
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"ema({step}) is {beta!r}; it must be a number >= 0 and < 1")
        return float(beta)

    @contextmanager
    def swapped_in(self, parameters: Sequence[NDArray[Any]]) -> Iterator[None]:
        """Swap the averages with the parameters for the time of a with block."""
        _swap(parameters, self.arrays)
        try:
            yield
        finally:
            _swap(parameters, self.arrays)


def _swap(some: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]]) -> None:
    for a, b in zip(some, others, strict=True):
        x, y = (array if a.flags.c_contiguous else array.T for array in (a, b))
        x, y = x.reshape(-1), y.reshape(-1)  # views
        for begin in range(0, x.size, SWAPPED):
            end = begin + SWAPPED
            kept = x[begin:end].copy()
            x[begin:end] = y[begin:end]
            y[begin:end] = kept
