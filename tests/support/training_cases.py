"""A small problem to train on, for the tests of training, and an optimizer that can be saved."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import fastopt
from fastopt.state.saving import Loaded

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
    """Adam whose files are kept in memory."""

    saves: ClassVar[list[dict[str, Any]]] = []  # `load` takes the one whose number its path is

    def save(self, path: Any, *, params: bool = False, **options: Any) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder, "run.npz")
            super().save(file, params=params, **options)
            held = copy.deepcopy(self.params) if params else {}
            record = {"path": str(path), "params": held, "steps": self.step_count}
            self.saves.append({**record, "file": file.read_bytes()})

    def load(self, path: Any, **options: Any) -> Loaded:
        with TemporaryDirectory() as folder:
            file = Path(folder, "run.npz")
            file.write_bytes(self.saves[int(str(path))]["file"])
            return super().load(file, **options)
