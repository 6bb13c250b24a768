"""thinc, whose optimizer is called with arrays, which it updates in place."""

from pathlib import Path
from typing import Any

import numpy as np
from thinc.api import Adam

from hazards.training import BETA1, BETA2, EPS, LR, Array, NotApplicable, Training


class Thinc(Training):
    """Adam without what thinc adds by default: clipping, averages."""

    def __init__(self, params: dict[str, Any], kind: str = "adam", **options: Any) -> None:
        if kind != "adam" or any(p.dtype.kind == "f" and p.itemsize != 4 for p in params.values()):
            raise NotApplicable
        betas = options.pop("betas", (BETA1, BETA2))
        self.params = params
        self.opt = Adam(
            options.pop("lr", LR),
            beta1=betas[0],
            beta2=betas[1],
            eps=options.pop("eps", EPS),
            grad_clip=0.0,
            use_averages=False,
        )

    def step(self, grads: dict[str, Any]) -> None:
        for name, g in grads.items():
            if g is not None:
                self.opt((0, name), self.params[name], g)

    def now(self, name: str) -> Array:
        return np.asarray(self.params[name])

    def replace(self, name: str, array: Array) -> None:
        self.params[name] = array

    def resize(self, name: str, size: int) -> None:
        self.params[name].resize(size, refcheck=False)

    def put_moment(self, name: str, moment: Array) -> None:
        self.opt.mom1[0, name] = moment

    def go_on_from(self, step: Any) -> None:
        for name in self.params:
            self.opt.nr_update[0, name] = step

    def steps(self) -> int:
        return int(next(iter(self.opt.nr_update.values())))

    def save(self, path: Path) -> None:
        raise NotApplicable

    def moment(self, name: str) -> Array:
        return np.asarray(self.opt.mom1[0, name])
