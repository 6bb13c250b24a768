"""A step of every algorithm at every size, beside the ceiling, NumPy, Numba and other libraries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import fastopt
from fastopt import backends
from fastopt.bench import ceiling, handwritten, peers
from fastopt.bench.arrays import Array, Shape, copies, drawn
from fastopt.bench.settings import Settings
from fastopt.bench.turns import Call, Prepared, in_turn

OURS, CEILING, NUMPY, NUMBA = "fastopt", "ceiling", "NumPy", "Numba"


@dataclass(frozen=True)
class Step:
    """The seconds that a step takes, by contestant."""

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

    def ns_per_element(self, who: str = OURS) -> float:
        """Nanoseconds for each parameter."""
        return self.seconds[who] / self.shape.total * 1e9

    def rate(self, who: str = OURS) -> float:
        """Bytes per second, in GB/s."""
        return self.moved / self.seconds[who] / 1e9

    def faster_than(self, who: str) -> float | None:
        """Return the ratio of the other's time to ours."""
        return self.seconds[who] / self.seconds[OURS] if who in self.seconds else None

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        others = [who for who in self.seconds if who not in (OURS, CEILING)]
        return {
            "algorithm": self.algorithm,
            **self.shape._asdict(),
            "bytes_resident": self.resident,
            "bytes_moved": self.moved,
            "seconds": self.seconds,
            "ns_per_element": self.ns_per_element(),
            "gb_per_s": self.rate(),
            "share_of_ceiling": self.faster_than(CEILING),
            "faster_than": {who: self.faster_than(who) for who in others},
        }


def measure(settings: Settings) -> Iterator[Step]:
    """Measure each algorithm at each size."""
    for algorithm in settings.algorithms:
        for shape in settings.shapes:
            settings.say(f"{algorithm}, {shape}")
            params, grads = drawn(shape)
            opt = fastopt.get(algorithm, copies(params))
            states = len(opt.state["0"])
            each: dict[str, Call | Prepared] = {OURS: partial(opt.step, grads)}
            for name, make in _others(algorithm, states, params, grads, settings).items():
                made, why = peers.tried(make)
                if made is not None:
                    each[name] = made
                elif why:
                    settings.notes[name] = why
            yield Step(algorithm, shape, states, in_turn(each, settings.rounds, settings.seconds))


def _others(
    algorithm: str, states: int, params: list[Array], grads: list[Array], settings: Settings
) -> dict[str, Callable[[], Call | Prepared | None]]:
    """Name the contestants, with what makes them."""
    makers: dict[str, Callable[[], Call | Prepared | None]] = {}
    if not ceiling.why_not():
        makers[CEILING] = lambda: ceiling.adder(states, copies(params), grads)
    if has_numba_backend():
        makers[NUMBA] = lambda: partial(
            fastopt.get(algorithm, copies(params), backend="numba").step, grads
        )
    if algorithm in handwritten.BY_NAME:
        makers[NUMPY] = lambda: handwritten.stepper(algorithm, copies(params), grads)
    for label, peer in settings.peers.items():
        makers[label] = partial(peer.step, algorithm, params, grads, settings.threads)
    return makers


def has_numba_backend() -> bool:
    """Return whether the Numba backend is installed and not the one that ours takes."""
    return not backends.backend("numba").why_not() and fastopt.build_info()["backend"] != "numba"
