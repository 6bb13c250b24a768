"""A step of every algorithm at every size, beside the ceiling, NumPy, Numba and other libraries."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import fastopt
from fastopt import backends
from fastopt.bench import ceiling, handwritten
from fastopt.bench.arrays import Array, Shape, copies, drawn
from fastopt.bench.peers import Maker, admitted
from fastopt.bench.rows import CEILING, NUMBA, NUMPY, OURS, Row
from fastopt.bench.settings import Settings
from fastopt.bench.turns import in_turn


@dataclass(frozen=True)
class Step(Row):
    """A step of one algorithm."""

    algorithm: str
    shape: Shape
    states: int  # arrays of state for each parameter
    seconds: dict[str, float]

    @property
    def resident(self) -> int:
        """The bytes of all arrays."""
        return 4 * self.shape.total * (2 + self.states)

    @property
    def moved(self) -> int:
        """The bytes that a step moves: the gradient is read, all others are read and written."""
        return 4 * self.shape.total * (3 + 2 * self.states)

    def rate(self, who: str = OURS) -> float:
        """Bytes per second, in GB/s."""
        return self.moved / self.seconds[who] / 1e9

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        return {
            "algorithm": self.algorithm,
            **super().record(),
            "bytes_resident": self.resident,
            "bytes_moved": self.moved,
            "ns_per_element": self.ns_per_element(),
            "gb_per_s": self.rate(),
            "share_of_ceiling": self.faster_than(CEILING),
        }


def measure(settings: Settings) -> Iterator[Step]:
    """Measure each algorithm at each size."""
    for algorithm in settings.algorithms:
        for shape in settings.shapes:
            settings.say(f"{algorithm}, {shape}")
            params, grads = drawn(shape, algorithm)
            opt = fastopt.get(algorithm, copies(params))
            states = len(opt.state["0"])
            others = admitted(_others(algorithm, states, params, grads, settings), settings.notes)
            each = {OURS: step_of(opt, grads), **others}
            yield Step(algorithm, shape, states, in_turn(each, settings.rounds, settings.seconds))


def step_of(opt: fastopt.Optimizer, grads: list[Array]) -> Any:
    """Return a step with these gradients, and with a loss where one is needed."""
    return partial(opt.step, grads, loss=1.0) if opt.needs_loss else partial(opt.step, grads)


def _others(
    algorithm: str, states: int, params: list[Array], grads: list[Array], settings: Settings
) -> dict[str, Maker]:
    """Name the contestants, with functions that make them."""
    makers: dict[str, Maker] = {}
    if not ceiling.why_not():
        makers[CEILING] = lambda: ceiling.adder(states, copies(params), grads)
    if has_numba_backend():
        makers[NUMBA] = lambda: step_of(fastopt.get(algorithm, copies(params), backend="numba"), grads)
    if algorithm in handwritten.BY_NAME:
        makers[NUMPY] = lambda: handwritten.stepper(algorithm, copies(params), grads)
    for label, peer in settings.peers.items():
        makers[label] = partial(peer.step, algorithm, params, grads, settings.threads)
    return makers


def has_numba_backend() -> bool:
    """Return whether the Numba backend is installed and not the one that ours takes."""
    return not backends.backend("numba").why_not() and fastopt.build_info()["backend"] != "numba"
