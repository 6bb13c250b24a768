"""The same step on 1, 2, 4, ... threads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fastopt
from fastopt.bench.arrays import Shape, copies, drawn
from fastopt.bench.rows import Row
from fastopt.bench.settings import Settings
from fastopt.bench.turns import Call, in_turn


@dataclass(frozen=True)
class Scaling(Row):
    """A step on several numbers of threads, which are the contestants."""

    algorithm: str
    shape: Shape
    seconds: dict[str, float]

    def speed_up(self, threads: str) -> float:
        """Return the ratio of the time on one thread to the time on so many."""
        return self.seconds["1"] / self.seconds[threads]

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        return {
            "algorithm": self.algorithm,
            **self.shape._asdict(),
            "seconds": self.seconds,
            "speed_up": {count: self.speed_up(count) for count in self.seconds},
        }


def measure(settings: Settings) -> Iterator[Scaling]:
    """Measure the example at each size."""
    for shape in settings.shapes:
        settings.say(f"threads, {shape}")
        params, grads = drawn(shape, settings.example)
        each = {
            str(count): on_threads(count, settings.example, copies(params), grads)
            for count in settings.thread_counts
        }
        yield Scaling(settings.example, shape, in_turn(each, settings.rounds, settings.seconds))


def on_threads(count: int, algorithm: str, params: list[Any], grads: list[Any]) -> Call:
    """Make a step that takes so many threads, whatever others have set."""
    opt = fastopt.get(algorithm, params)
    loss = 1.0 if opt.needs_loss else None

    def call() -> None:
        fastopt.set_num_threads(count)
        opt.step(grads, loss=loss)

    return call
