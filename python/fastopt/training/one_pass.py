"""Pass: one loop over the batches of an epoch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastopt.training.batches import Batches


class Pass:
    """An iterator over the batches of one epoch of `Batches`, independent of other loops.

    Attributes
    ----------
    epoch : int
        The number of the epoch: 0, 1, 2, ...
    position : int
        How many of its batches have been given, with those before a place that was loaded.
    """

    def __init__(
        self, batches: "Batches", epoch: int, position: int, batch: Callable[[int], Any]
    ) -> None:
        self.epoch, self.position = epoch, position
        self._batches, self._batch = batches, batch
        # A range is advanced in one go: threads that share a loop have each batch once.
        self._numbers = iter(range(position, len(batches)))

    def __iter__(self) -> "Pass":
        return self

    def __next__(self) -> Any:
        try:
            number = next(self._numbers)
        except StopIteration:
            self._batches._ended(self)
            raise
        batch = self._batch(number)
        self.position = max(self.position, number + 1)  # before it is given: what is saved counts it
        self._batches._gave(self)
        return batch

    def __length_hint__(self) -> int:
        return len(self._batches) - self.position

    def state_dict(self) -> dict[str, Any]:
        """Return the place of this loop, for `Batches.load_state_dict`."""
        return self._batches._state(self.epoch, self.position)
