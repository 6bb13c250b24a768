"""An optimizer that has all that can be written, in guarded memory."""

from typing import Any

import numpy as np
from support.hashing import leaves

import fastopt
from fastopt.optimizer import Optimizer
from fastopt.registry import optimizer_class
from faults import SHAPE, Array
from faults.guarded import empty, guarded

NAMES = ("a", "b", "c")
EVERYTHING: dict[str, Any] = {"ema": 0.9, "ema_bias_correction": True, "lookahead_steps": 2}


def options(algorithm: str) -> dict[str, Any]:
    """Let every algorithm have state."""
    return {"momentum": 0.9} if "momentum" in optimizer_class(algorithm).hyperparameters else {}


def good(seed: int, dtype: Any) -> Array:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(dtype)


def arrays(seed: int, dtype: Any) -> dict[str, Array]:
    """One array for each parameter, against the end of their pages and against the beginning."""
    return {n: guarded(good(seed + k, dtype), k % 2 == 0) for k, n in enumerate(NAMES)}


class Scene:
    """An optimizer, and its twin, which never sees a fault."""

    def __init__(self, algorithm: str, backend: str, dtype: Any, **more: Any) -> None:
        self.algorithm, self.backend, self.dtype = algorithm, backend, dtype
        self.options = {**EVERYTHING, "gradient_accumulation_steps": 3, **options(algorithm), **more}
        self.opt, self.twin = self.make(), self.make()
        for opt in (self.opt, self.twin):
            opt.step(arrays(3, dtype))
            opt.accumulate(arrays(6, dtype))

    def make(self) -> Optimizer:
        copies = {n: empty(SHAPE, np.float16) for n in NAMES}
        return fastopt.get(
            self.algorithm, arrays(0, self.dtype), backend=self.backend, cast_to=copies, **self.options
        )

    def goes_on(self) -> bool:
        """Take steps with both; say whether they are alike."""
        for seed in (10, 13):
            for opt in (self.opt, self.twin):
                opt.accumulate(arrays(seed, self.dtype))
        return self.values(self.opt) == self.values(self.twin) and self.opt.step_count == 2

    @staticmethod
    def values(opt: Optimizer) -> list[bytes]:
        followers = [each.arrays for each in opt._core.bound.followers.by_key().values()]
        written = [opt.params, opt.state, followers, opt._core.bound.settings["cast_to"]]
        return [a.tobytes() for a in leaves(written) if isinstance(a, np.ndarray)]
