"""Settings of the benchmark: algorithms, sizes, libraries, rounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fastopt.bench.arrays import Shape
from fastopt.bench.peers import Peer

SHAPES: tuple[str, ...] = ("1e3", "1e4", "5e4", "1e6", "25e6", "1000x1e3")
QUICK_SHAPES = ("1e3", "5e4", "1e6", "1e7")
QUICK_ALGORITHMS = ("sgd", "momentum", "adam")  # no state, one, two


@dataclass(frozen=True)
class Settings:
    """Settings of the benchmark: algorithms, sizes, libraries, rounds."""

    algorithms: tuple[str, ...]
    shapes: tuple[Shape, ...]
    threads: int
    peers: Mapping[str, Peer]
    rounds: int = 7
    seconds: float = 0.01  # how long a turn takes at least
    pipelines: int = 4  # of how many sizes, the largest, pipelines are measured
    turns: int = 16  # of a product and a step, in a row
    say: Callable[[str], None] = lambda text: None  # how far it has come
    notes: dict[str, str] = field(default_factory=dict)  # who has been left out, and why

    @property
    def example(self) -> str:
        """The algorithm that stands for all where one is enough."""
        return "adam" if "adam" in self.algorithms else self.algorithms[0]

    @property
    def pipeline_shapes(self) -> list[Shape]:
        """The sizes at which pipelines are measured."""
        largest = sorted(self.shapes, key=lambda shape: shape.total)[-self.pipelines :]
        return [shape for shape in self.shapes if shape in largest]

    @property
    def thread_counts(self) -> list[int]:
        """1, 2, 4, ... and all of them."""
        powers = [2**k for k in range(self.threads.bit_length())]
        return sorted({*powers, self.threads})


def quickly(settings: Settings) -> Settings:
    """Measure pipelines only where they matter most."""
    return replace(settings, pipelines=2)
