"""The same step with parameters and states in fewer bits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import fastopt
from fastopt.bench import ceiling
from fastopt.bench.arrays import Array, Shape, copies, drawn
from fastopt.bench.peers import Maker, admitted
from fastopt.bench.rows import CEILING, Row
from fastopt.bench.settings import Settings
from fastopt.bench.turns import in_turn

SINGLE = "float32"
# By name: whether parameters and gradients are bfloat16, and options.
FORMATS: dict[str, tuple[bool, dict[str, Any]]] = {
    SINGLE: (False, {}),
    "bfloat16 states": (False, {"state_dtype": "bfloat16"}),
    "8-bit states": (False, {"state_dtype": "8bit"}),
    "bfloat16, masters": (True, {}),
    "bfloat16 alone": (True, {"master_weights": False}),
    "masters, 8-bit states": (True, {"state_dtype": "8bit"}),
    "alone, 8-bit states": (True, {"master_weights": False, "state_dtype": "8bit"}),
}


@dataclass(frozen=True)
class Formats(Row):
    """A step of Adam in several formats, which are the contestants, and the ceiling."""

    shape: Shape
    seconds: dict[str, float]
    resident: dict[str, float]  # bytes for each parameter, with its gradient
    moved: dict[str, float]  # by a step: the gradient is read, all others are read and written

    def of_ceiling(self, name: str) -> float | None:
        """Return the ratio to the time in which the ceiling would move as many bytes."""
        if CEILING not in self.seconds:
            return None
        there = self.seconds[CEILING] / self.moved[SINGLE]
        return there * self.moved[name] / self.seconds[name]

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        return {
            "algorithm": "adam",
            **self.shape._asdict(),
            "seconds": self.seconds,
            "bytes_resident": self.resident,
            "bytes_moved": self.moved,
            "share_of_ceiling": {name: self.of_ceiling(name) for name in self.resident},
        }


def measure(settings: Settings) -> Iterator[Formats]:
    """Measure each format at the larger sizes, one of 8 bits where there are enough elements."""
    for shape in settings.pipeline_shapes:
        settings.say(f"formats, {shape}")
        params, grads = drawn(shape)
        made = {name: in_format(name, params, grads) for name in FORMATS if is_there(name)}
        makers: dict[str, Maker] = {
            name: partial(_step, opt, given) for name, (opt, given) in made.items()
        }
        if not ceiling.why_not():
            makers[CEILING] = partial(ceiling.adder, 2, copies(params), grads)
        seconds = in_turn(admitted(makers, settings.notes), settings.rounds, settings.seconds)
        each = {name: bytes_of(opt, given) for name, (opt, given) in made.items()}
        resident = {name: (kept + read) / shape.total for name, (kept, read) in each.items()}
        moved = {name: (2 * kept + read) / shape.total for name, (kept, read) in each.items()}
        yield Formats(shape, seconds, resident, moved)


def is_there(name: str) -> bool:
    """Return whether its dtype is installed."""
    return not FORMATS[name][0] or find_spec("ml_dtypes") is not None


def in_format(name: str, params: list[Array], grads: list[Array]) -> tuple[Any, list[Array]]:
    """Make an optimizer of copies in a format, and gradients for it."""
    low, options = FORMATS[name]
    dtype: Any = "float32"
    if low:
        import ml_dtypes

        dtype = ml_dtypes.bfloat16
    return fastopt.Adam([p.astype(dtype) for p in params], **options), [g.astype(dtype) for g in grads]


def bytes_of(opt: fastopt.Optimizer, grads: list[Array]) -> tuple[int, int]:
    """Return the bytes of parameters and states, and of gradients."""
    entries: Mapping[str, Any] = opt.state_dict(copy=False)["parameters"]
    arrays = [*opt.params, *(a for entry in entries.values() for a in entry["arrays"].values())]
    return sum(a.nbytes for a in arrays), sum(g.nbytes for g in grads)


def _step(opt: fastopt.Optimizer, grads: list[Array]) -> Any:
    return partial(opt.step, grads)
