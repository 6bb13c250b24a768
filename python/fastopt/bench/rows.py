"""A row of the tables: the seconds that a step over some arrays takes, by contestant."""

from typing import Any

from fastopt.bench.arrays import Shape

OURS, CEILING, NUMPY, NUMBA = "fastopt", "ceiling", "NumPy", "Numba"


class Row:
    """Times of a step by contestant. A subclass has these two fields, and what else was measured."""

    shape: Shape
    seconds: dict[str, float]

    def ns_per_element(self, who: str = OURS) -> float:
        """Nanoseconds for each parameter."""
        return self.seconds[who] / self.shape.total * 1e9

    def faster_than(self, who: str) -> float | None:
        """Return the ratio of the other's time to ours."""
        return self.seconds[who] / self.seconds[OURS] if who in self.seconds else None

    def record(self) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        others = [who for who in self.seconds if who not in (OURS, CEILING)]
        return {
            **self.shape._asdict(),
            "seconds": self.seconds,
            "faster_than": {who: self.faster_than(who) for who in others},
        }
