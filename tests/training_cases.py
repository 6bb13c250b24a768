"""A small problem to train on, for the tests of training, and an optimizer that can be saved."""

import copy
import json
import os
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import fastopt

Params = dict[str, NDArray[Any]]
RNG = np.random.default_rng(5)
X = RNG.standard_normal((22, 3)).astype(np.float32)
Y = np.tanh(X @ np.array([[1.0], [-2.0], [0.5]], np.float32)) + 0.25


def start() -> Params:
    return {"w": np.full((3, 1), 0.1, np.float32), "b": np.zeros(1, np.float32)}


def loss_and_grad(params: Params, x: NDArray[Any], y: NDArray[Any]) -> tuple[float, Params]:
    error = x @ params["w"] + params["b"] - y
    scale = np.float32(2 / len(x))
    return float((error * error).mean()), {"w": scale * x.T @ error, "b": scale * error.sum(axis=0)}


def validation(params: Params) -> dict[str, float]:
    return {"validation loss": loss_and_grad(params, X, Y)[0], "largest": float(params["w"].max())}


def bits(*trees: Params) -> list[bytes]:
    return [array.tobytes() for tree in trees for array in tree.values()]


class SavedAdam(fastopt.Adam):
    """Adam with averages, whose `save` and `load` keep everything in memory, and extra as JSON."""

    saves: ClassVar[list[dict[str, Any]]] = []  # `load` takes the one whose number its path is

    def save(self, path: str | os.PathLike[str], *, params: bool = False, extra: Any = None) -> None:
        self.saves.append(
            copy.deepcopy(
                {
                    "path": str(path),
                    "params": self.params if params else {},
                    "state": self.state,
                    "averages": self.ema_state,
                    "lr": self.lr,
                    "steps": self.step_count,
                    "extra": json.dumps(extra, allow_nan=False),
                }
            )
        )

    def load(self, path: str | os.PathLike[str]) -> Any:
        found = self.saves[int(str(path))]
        for name, p in found["params"].items():
            self.params[name][...] = p
        for name, average in found["averages"].items():
            self.ema_state[name][...] = average
        for name, arrays in found["state"].items():
            for key, array in arrays.items():
                self.state[name][key][...] = array
        self.lr = found["lr"]
        self._cohorts[0].t = self._taken.steps = found["steps"]
        return json.loads(found["extra"])
