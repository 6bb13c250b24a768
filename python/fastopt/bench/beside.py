"""Each step in turn with a matrix product, as training takes it: where other optimizers collapse."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from fastopt.bench.arrays import Shape, copies, drawn
from fastopt.bench.peers import admitted
from fastopt.bench.scaling import on_threads
from fastopt.bench.settings import Settings
from fastopt.bench.turns import SETTLE, Call, Prepared, in_turn, ordered

PAIRS = ((512, 1_000_000), (1024, 4_000_000))  # side of the matrices, elements of the parameters
NOTHING = "the product alone"


@dataclass(frozen=True)
class Turns:
    """Medians, in seconds, of the two halves of a loop and of one round of it."""

    matmul: float
    step: float
    round: float


@dataclass(frozen=True)
class Beside:
    """Times of a step in turn with a product, and alone; by contestant."""

    algorithm: str
    size: int  # of the matrices
    shape: Shape
    turns: dict[str, Turns]
    alone: dict[str, float]

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        return {
            "algorithm": self.algorithm,
            "matmul": self.size,
            **self.shape._asdict(),
            "seconds_alone": self.alone,
            "seconds_in_turn": {name: asdict(turns) for name, turns in self.turns.items()},
        }


def measure(settings: Settings) -> Iterator[Beside]:
    """Measure the example beside products of two sizes, with torch's fused step if it is there."""
    name = settings.example
    for size, count in PAIRS:
        shape = Shape(1, count)
        settings.say(f"matmul {size} and {name}, {shape}")
        params, grads = drawn(shape, name)
        each: dict[str, Call] = {
            f"fastopt, {n} thread{'s' * (n > 1)}": on_threads(n, name, copies(params), grads)
            for n in sorted({1, settings.threads}, reverse=True)
        }
        for label in ("torch fused", "torch"):
            if label not in settings.peers:
                continue
            make = partial(settings.peers[label].step, name, params, grads, settings.threads)
            made = admitted({label: make}, settings.notes).get(label)
            if made is not None and not isinstance(made, Prepared):
                each[label] = made
                break  # the other is no faster
        alone = in_turn(each, settings.rounds, settings.seconds)
        turns = max(4, settings.turns * 512**2 // size**2)
        found = beside_matmul({**each, NOTHING: lambda: None}, size, settings.rounds, turns)
        yield Beside(name, size, shape, found, alone)


def beside_matmul(
    steps: Mapping[str, Call], size: int, rounds: int = 9, turns: int = 30
) -> dict[str, Turns]:
    """Measure each step in turn with a product of two float32 matrices."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), np.float32) for _ in range(2))
    out = np.empty_like(a)
    found: dict[str, list[Turns]] = {name: [] for name in steps}
    for turn in range(rounds):
        for name, step in ordered(steps, turn):
            sleep(SETTLE)
            matmuls, taken = [], []
            begin = perf_counter()
            for _ in range(turns):
                t0 = perf_counter()
                np.matmul(a, b, out=out)
                t1 = perf_counter()
                step()
                t2 = perf_counter()
                matmuls.append(t1 - t0)
                taken.append(t2 - t1)
            found[name].append(Turns(median(matmuls), median(taken), (perf_counter() - begin) / turns))
    return {
        name: Turns(*(median(getattr(t, part) for t in times) for part in ("matmul", "step", "round")))
        for name, times in found.items()
    }
