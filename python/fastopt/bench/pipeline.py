"""All that belongs to a step of training, beside the sequence of calls that others make of it.

The gradients are written anew before every step, off the clock, as the backward pass does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

import numpy as np

import fastopt
from fastopt.bench import handwritten
from fastopt.bench.arrays import Array, Shape, copies, drawn, refill
from fastopt.bench.peers import Maker, admitted
from fastopt.bench.rows import NUMBA, NUMPY, OURS, Row
from fastopt.bench.settings import Settings
from fastopt.bench.steps import has_numba_backend
from fastopt.bench.turns import Prepared, in_turn

SETTINGS: dict[str, dict[str, Any]] = {
    "clip": {"global_clipnorm": 1.0},
    "zero": {"zero_grads": True},
    "ema": {"ema": 0.999},
    "cast": {},  # its arrays are those of a model
}
PIPELINES = (("clip",), tuple(SETTINGS))


@dataclass(frozen=True)
class Pipeline(Row):
    """AdamW with these stages around it."""

    stages: tuple[str, ...]
    shape: Shape
    seconds: dict[str, float]

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        return {"stages": [*self.stages, "adamw"], **super().record()}


def measure(settings: Settings) -> Iterator[Pipeline]:
    """Measure each pipeline at each size."""
    for stages in PIPELINES:
        for shape in settings.pipeline_shapes:
            settings.say(f"{' + '.join(stages)}, {shape}")
            params, grads = drawn(shape)
            each = admitted(_contestants(stages, params, grads, settings), settings.notes)
            yield Pipeline(stages, shape, in_turn(each, settings.rounds, settings.seconds))


def _contestants(
    stages: tuple[str, ...], params: list[Array], grads: list[Array], settings: Settings
) -> dict[str, Maker]:
    makers: dict[str, Maker] = {OURS: lambda: ours(stages, copies(params), grads)}
    if has_numba_backend():
        makers[NUMBA] = lambda: ours(stages, copies(params), grads, "numba")
    makers[NUMPY] = lambda: by_hand(stages, copies(params), grads)
    for label, peer in settings.peers.items():
        if peer.sequence is not None:
            makers[label] = partial(peer.sequence, stages, params, grads, settings.threads)
    return makers


def ours(
    stages: tuple[str, ...], params: list[Array], grads: list[Array], backend: str | None = None
) -> Prepared:
    """Make the one call that does it all to these parameters, with copies of the gradients."""
    options: dict[str, Any] = {}
    for stage in stages:
        options |= SETTINGS[stage]
    if "cast" in stages:
        options["cast_to"] = [np.zeros(p.shape, np.uint16) for p in params]
    own = copies(grads)
    opt = fastopt.AdamW(params, backend=backend, **options)
    return Prepared(lambda: refill(own, grads), lambda: opt.step(own))


def by_hand(stages: tuple[str, ...], params: list[Array], grads: list[Array]) -> Prepared:
    """Make the same of plain NumPy, as people write it."""
    own = copies(grads)
    step = handwritten.stepper("adamw", params, own)
    averages = copies(params)
    low = [np.zeros(p.shape, np.uint16) for p in params]

    def call() -> None:
        if "clip" in stages:
            norm = sqrt(sum(float((g * g).sum()) for g in own))
            for g in own:
                g *= min(1.0, 1.0 / norm)
        step()
        for p, g, average, to in zip(params, own, averages, low, strict=True):
            if "zero" in stages:
                g[...] = 0
            if "ema" in stages:
                average += 0.001 * (p - average)
            if "cast" in stages:  # to bfloat16, rounded to nearest even
                bits = p.view(np.uint32)
                to[...] = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16

    return Prepared(lambda: refill(own, grads), call)
