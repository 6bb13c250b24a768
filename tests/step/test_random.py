"""Random models, gradients and settings: all backends, levels and thread counts have NumPy's bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numerics.test_bits import LEVELS
from numerics.test_casts import LAYOUTS
from support.by_hand import Array, bfloat16, same

import fastopt

SCENES = 60
ALGORITHMS: list[tuple[type[fastopt.Optimizer], dict[str, Any]]] = [
    (fastopt.SGD, {}),
    (fastopt.SGD, {"momentum": 0.9, "nesterov": True}),
    (fastopt.Adam, {"amsgrad": True}),
    (fastopt.RMSprop, {"centered": True, "momentum": 0.5}),
    (fastopt.AdamW, {}),
]
CHOICES: dict[str, tuple[Any, ...]] = {
    "clipvalue": (None, 0.3),
    "weight_decay": (0.0, 0.1),
    "decoupled_weight_decay": (False, True, "fixed", "after"),
    "maximize": (False, True),
    "nonfinite": ("propagate", "skip"),
    "loss_scale": (1.0, 3.0, "dynamic"),
    "zero_grads": (False, True),
    "stats": (False, True),
    "gradient_accumulation_steps": (1, 2),
}
MORE: list[dict[str, Any]] = [
    {},
    {"global_clipnorm": 1.0},
    {"clipnorm": 0.5},
    {"ema": 0.9},
    {"ema": 0.9, "ema_bias_correction": True, "global_clipnorm": 1.0},
    {"l1": 0.02},
    {"l1": 0.02, "soft_threshold": True, "ema": 0.9},
    {"decoupled_weight_decay": "proximal", "cautious_weight_decay": True, "ema": 0.9},
    {
        "decoupled_weight_decay": "corrected",
        "max_lr": 0.2,
        "cautious_weight_decay": True,
        "l1": 0.02,
        "global_clipnorm": 1.0,
    },
    {"swa_start": 1, "swa_every": 2},
    {"lookahead_steps": 1, "lookahead_alpha": 0.3},
    {"lookahead_steps": 2, "ema": 0.9},
]
SHAPES: list[tuple[int, ...]] = [
    (), (0, 3), (1,), (4999,), (70_000,), (64, 17), (300, 301), (5, 1, 33), (12, 13, 14), (3, 5, 2, 7),
]  # fmt: skip
KINDS = (np.float16, bfloat16, np.float32, np.float64)


class Dice:
    """What is thrown depends on the seed alone, so that all backends get the same."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def options(self) -> dict[str, Any]:
        chosen = {name: self.pick(values) for name, values in CHOICES.items()}
        return {**chosen, **self.pick(MORE)}

    def gradient(self, shape: tuple[int, ...], dtype: Any) -> Any:
        if self.rng.random() < 0.15:
            return None
        g = np.asarray(self.rng.standard_normal(shape))
        if g.size and self.rng.random() < 0.05:
            g.reshape(-1)[self.rng.integers(g.size)] = self.pick([np.nan, np.inf])
        g = np.asarray(g.astype(dtype if self.rng.random() < 0.6 else self.pick(KINDS)))
        return self.pick(list(LAYOUTS.values()))(g) if g.ndim else g


def train(seed: int, backend: str) -> tuple[list[Array], str]:
    """Take a few steps; give all arrays, and what the optimizer says."""
    dice = Dice(seed)
    cls, own = dice.pick(ALGORITHMS)
    params = [
        np.asarray(
            dice.rng.standard_normal(dice.pick(SHAPES)).astype(dice.pick(KINDS[2:])),
            order=dice.pick(["C", "F"]),
        )
        for _ in range(dice.rng.integers(1, 5))
    ]
    options = {**own, **dice.options()}
    copies = [np.zeros_like(p, dtype=dice.pick([bfloat16, np.float16])) for p in params]
    given = dice.pick([None, copies])
    opt = cls(params, lr=0.1, cast_grads=True, cast_to=given, backend=backend, **options)
    act = dice.pick([opt.step, opt.accumulate])
    arrays, said = [*params, *copies], []
    for _ in range(4):
        grads = [dice.gradient(p.shape, p.dtype) for p in params]
        said += [
            act(grads),
            opt.grad_norm,
            opt.skipped,
            opt.loss_scale,
            opt._core.bound.progress.report,
        ]
        arrays += [g for g in grads if g is not None]
    arrays += [a for state in opt.state.values() for a in state.values()]
    for asked, name in (("ema", "ema"), ("swa_start", "swa"), ("lookahead_steps", "slow")):
        arrays += [] if getattr(opt, asked) is None else getattr(opt, f"{name}_state")
    return arrays, repr(said)


@pytest.mark.usefixtures("default_settings")
def test_random_scenes(level: Callable[[str], None]) -> None:
    for seed in range(SCENES):
        arrays, said = train(seed, "numpy")
        fastopt.set_num_threads((1, 2, 3, 7)[seed % 4])
        level(LEVELS[seed % len(LEVELS)])
        for backend in ("native", "numba") if seed % 4 == 0 else ("native",):
            found, found_said = train(seed, backend)
            assert found_said == said, (seed, backend)
            for k, (a, b) in enumerate(zip(found, arrays, strict=True)):
                assert same(a, b), (seed, backend, k)
