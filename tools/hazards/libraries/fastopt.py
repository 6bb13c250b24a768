"""fastopt."""

from pathlib import Path
from typing import Any

import numpy as np

import fastopt
from hazards.training import LR, Array, Training


class Fastopt(Training):
    """Updates the arrays in place."""

    def __init__(self, params: dict[str, Any], kind: str = "adam", **options: Any) -> None:
        self.params = params
        self.opt = fastopt.get(kind, params, **{"lr": LR, **options})

    def step(self, grads: dict[str, Any]) -> None:
        self.opt.step(grads)

    def now(self, name: str) -> Array:
        return np.asarray(self.params[name])

    def replace(self, name: str, array: Array) -> None:
        self.params[name] = array

    def resize(self, name: str, size: int) -> None:
        self.params[name].resize(size, refcheck=False)

    def put_moment(self, name: str, moment: Array) -> None:
        state = self.opt.state_dict()
        state["parameters"][name]["arrays"]["m"] = moment
        self.opt.load_state_dict(state)

    def go_on_from(self, step: Any) -> None:
        state = self.opt.state_dict()
        state["steps"] = step
        for each in state["parameters"].values():
            each["steps"] = step
        self.opt.load_state_dict(state)

    def steps(self) -> int:
        return self.opt.step_count

    def save(self, path: Path) -> None:
        self.opt.save(path)

    def load(self, path: Path) -> None:
        self.opt.load(path)

    def moment(self, name: str) -> Array:
        return self.opt.state[name]["m"]
