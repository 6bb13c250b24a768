"""torch.optim, on tensors that share the memory of the arrays (``torch.from_numpy``)."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from hazards.training import LR, Array, Training

OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class ForLoop(Training):
    """One tensor after the other."""

    how: ClassVar[dict[str, bool]] = {"foreach": False, "fused": False}

    def __init__(self, params: dict[str, Any], kind: str = "adam", **options: Any) -> None:
        seen: dict[int, Any] = {}  # the same array is the same tensor
        for p in params.values():
            seen.setdefault(id(p), torch.from_numpy(p))
        self.tensors = {name: seen[id(p)] for name, p in params.items()}
        options = {"lr": LR, **options}
        self.opt = OPTIMIZERS[kind](list(self.tensors.values()), **options, **self.how)

    def step(self, grads: dict[str, Any]) -> None:
        for name, g in grads.items():
            self.tensors[name].grad = None if g is None else torch.from_numpy(g)
        self.opt.step()

    def now(self, name: str) -> Array:
        return np.asarray(self.tensors[name])

    def replace(self, name: str, array: Array) -> None:
        self.tensors[name] = torch.from_numpy(array)

    def resize(self, name: str, size: int) -> None:
        """Do what enlarges an embedding: the parameter is given new data."""
        tensor = self.tensors[name]
        tensor.data = torch.cat([tensor.data, torch.zeros(size - len(tensor))])
        tensor.grad = None

    def put_moment(self, name: str, moment: Array) -> None:
        state = self.opt.state_dict()
        state["state"][list(self.tensors).index(name)]["exp_avg"] = torch.from_numpy(moment)
        self.opt.load_state_dict(state)

    def go_on_from(self, step: Any) -> None:
        state = self.opt.state_dict()
        for each in state["state"].values():
            each["step"] = torch.tensor(float(step))
        self.opt.load_state_dict(state)

    def steps(self) -> int:
        (first, *_) = self.opt.state.values()
        return int(first["step"])

    def save(self, path: Path) -> None:
        torch.save(self.opt.state_dict(), path)

    def load(self, path: Path) -> None:
        self.opt.load_state_dict(torch.load(path))

    def moment(self, name: str) -> Array:
        return np.asarray(self.opt.state[self.tensors[name]]["exp_avg"])


class ForEach(ForLoop):
    """Lists of tensors at once."""

    how: ClassVar[dict[str, bool]] = {"foreach": True, "fused": False}


class Fused(ForLoop):
    """One kernel."""

    how: ClassVar[dict[str, bool]] = {"foreach": False, "fused": True}
