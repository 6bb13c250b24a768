"""Gradients of rows, drawn: unsorted, with duplicates, none, one, more than there are rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import fastopt

SHAPES: list[tuple[int, ...]] = [(), (1,), (5,), (8,), (16,), (2, 9), (700,)]
ROWS = 23
COUNTS = (0, 1, 9, 40, 3, 5)


class Steps:
    """Steps of an embedding and a vector beside it, whose gradient is dense."""

    def __init__(self, dtype: Any, shape: tuple[int, ...], seed: str) -> None:
        rng = np.random.default_rng(list(seed.encode()))
        self._params = {
            "E": rng.standard_normal((ROWS, *shape)).astype(dtype),
            "b": rng.standard_normal(7).astype(dtype),
        }
        self._params["E"][3] = -0.0
        self._gradients = []
        for k in COUNTS:
            values = rng.standard_normal((k, *shape)).astype(dtype)
            values[rng.random(values.shape) < 0.1] = -0.0
            rows = fastopt.RowGradient(rng.integers(0, ROWS, k), values)
            self._gradients.append({"E": rows, "b": rng.standard_normal(7).astype(dtype)})

    def params(self) -> dict[str, Any]:
        """Copy the parameters."""
        return {name: p.copy() for name, p in self._params.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._gradients)

    @staticmethod
    def dense(g: dict[str, Any]) -> dict[str, Any]:
        """Make the same gradients with an array for the embedding."""
        return {**g, "E": g["E"].dense(ROWS)}

    @staticmethod
    def with_nan(g: dict[str, Any]) -> dict[str, Any]:
        """Put a NaN into one row."""
        values = g["E"].values.copy()
        values[0] = np.nan
        return {**g, "E": fastopt.RowGradient(g["E"].indices, values)}


def step_all(opt: Any, gradients: Sequence[Any]) -> None:
    """Take some steps."""
    for g in gradients:
        opt.step(g)


def same(some: Any, other: Any) -> bool:
    """Compare bit by bit: two optimizers with their states, or the parameters of one with others."""
    mine = some.named_parameters()
    if isinstance(other, dict):
        return all(p.tobytes() == other[name].tobytes() for name, p in mine.items())
    found = same(some, other.named_parameters())
    states = [(each, name) for name in mine for each in some.state[name]]
    return found and all(
        np.asarray(some.state[name][each]).tobytes() == np.asarray(other.state[name][each]).tobytes()
        for each, name in states
    )
