"""Batches: mini-batches of arrays, in an order that depends on seed and epoch alone."""

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import flag
from fastopt.runtime import describe, whole
from fastopt.training.other_names import hinting
from fastopt.training.samples import Samples

_FLAG = flag(default=True)
_LARGEST = 2**32 - 1  # what is one word of a SeedSequence


class Batches:
    """Draw mini-batches from arrays whose first axis counts the samples.

    ::

        data = fastopt.Batches((x, y), 32)
        for x, y in data:                               one epoch; the next loop is the next epoch

    Each loop is independent of all others: nested, in ``zip(data, data)``, in another thread, or a look
    at the first batch, ``next(iter(data))``. It begins where the data stands: at the beginning of an
    epoch, or where `load_state_dict` has put it. The loop that draws the last batch of that epoch moves
    the data to the next one. A loop that is left before, by a break, moves nothing: the next loop draws
    the same epoch once more. To go on after a break, keep the iterator: ``batches = iter(data)``.

    `epoch`, `position` and `state_dict` are the place of the loop that is going on, of the farthest if
    there are several; after a break, where the loop was left, until the next one begins. An iterator
    has all three of its own. The order of epoch e is
    ``Generator(PCG64(SeedSequence([seed, e]))).permutation(n)``, so any batch can be found again, as
    long as NumPy keeps its random streams.

    Parameters
    ----------
    data : array, or tuple or dict of arrays with the same length
        A batch has the same form. Batches in order are views, shuffled ones are copies.
    size : int >= 1, or None
        How many samples a batch has; None for all of them in order, the arrays themselves.
    shuffle : bool
        Draw the samples of each epoch in a new order.
    seed : int >= 0 and < 2**32
        Of the orders.
    drop_last : bool
        Leave out the last batch of an epoch if it is not full.

    Raises
    ------
    TypeError, ValueError
        For arrays of different lengths, without samples, or with fewer than a batch needs, ...
    """

    @hinting("Batches")
    def __init__(
        self,
        data: Any,
        size: int | None,
        *,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self._samples = Samples(data)
        count = self._samples.count
        self.size = count if size is None else whole(size, "size", 1)
        if self.size > count:
            raise ValueError(
                f"size is {size}, and data has only {count} samples; None takes all of them at once"
            )
        self.shuffle = _FLAG.check(shuffle, "shuffle") and size is not None
        self.seed = whole(seed, "seed", 0, _LARGEST)
        self.drop_last = _FLAG.check(drop_last, "drop_last")
        self._epoch = self._position = 0  # of the loop that is going on
        self._start = 0, 0  # of the next loop
        self._ahead: weakref.ref[EpochLoop] | None = None  # the loop that the place is of
        self._order: tuple[int, NDArray[np.intp]] | None = None  # of which epoch

    @property
    def epoch(self) -> int:
        """The number of the epoch that is under way, or comes next: 0, 1, 2, ..."""
        return self._epoch

    @property
    def position(self) -> int:
        """The number of batches of this epoch that have been drawn."""
        return self._position

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        count = self._samples.count
        return count // self.size if self.drop_last else -(-count // self.size)

    def __iter__(self) -> "EpochLoop":
        epoch, position = self._start
        if position == len(self):  # loaded after the last batch of an epoch
            epoch, position = epoch + 1, 0
        return EpochLoop(self, epoch, position, self._batches_of(epoch))

    def _drew(self, loop: "EpochLoop") -> None:
        """Move to the place of a loop that has drawn a batch, unless another is farther."""
        if loop.epoch < self._start[0]:  # another has drawn all of that epoch
            return
        whole_epoch = loop.position == len(self)
        if whole_epoch:
            self._start = max(self._start, (loop.epoch + 1, 0))
        ahead = None if self._ahead is None else self._ahead()
        # A loop in a later epoch may be but a look at its first batch: it counts when it has drawn all.
        later = ahead is not None and loop.epoch > ahead.epoch and whole_epoch
        if ahead is None or later or (loop.epoch == ahead.epoch and loop.position >= ahead.position):
            self._ahead = weakref.ref(loop)
            self._epoch, self._position = loop.epoch, loop.position

    def _ended(self, loop: "EpochLoop") -> None:
        """Go to the next epoch when the farthest loop has ended."""
        if (self._epoch, self._position) == (loop.epoch, len(self)):
            self._epoch, self._position, self._ahead = loop.epoch + 1, 0, None

    def _batches_of(self, epoch: int) -> Callable[[int], Any]:
        """Return the function from the number of a batch to the batch."""

        def part(number: int) -> slice:
            return slice(number * self.size, (number + 1) * self.size)

        if not self.shuffle:
            return lambda number: self._samples.view(part(number))
        order = self._order  # the last one, which several loops may share
        if order is None or order[0] != epoch:
            seeds = np.random.SeedSequence([self.seed, epoch])
            rng = np.random.Generator(np.random.PCG64(seeds))
            order = self._order = epoch, rng.permutation(self._samples.count)
        drawn = order[1]
        return lambda number: self._samples.take(drawn[part(number)])

    def state_dict(self) -> dict[str, Any]:
        """Return the place, and what it is a place in, as JSON can hold them."""
        return {"epoch": self._epoch, "position": self._position, **self._kind()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the place that `state_dict` returned: each loop begins there until an epoch has ended.

        Loops that are going on are not moved. TypeError for what is no such state, ValueError for one
        of other batches; nothing has changed.
        """
        kind = self._kind()
        if not isinstance(state, Mapping) or set(state) != {"epoch", "position", *kind}:
            raise TypeError(
                f"the state of Batches is what state_dict() returns, with epoch, position, "
                f"{', '.join(kind)}; this is {describe(state)}"
            )
        for name, value in kind.items():
            if state[name] != value:
                raise ValueError(
                    f"the state is one of batches with {name} {state[name]!r}, and these have {value!r}"
                    f": make them as they were, or begin anew"
                )
        epoch = whole(state["epoch"], "epoch", 0, _LARGEST)
        position = whole(state["position"], "position", 0, len(self))
        self._epoch, self._position, self._ahead = epoch, position, None
        self._start = epoch, position

    def _kind(self) -> dict[str, Any]:
        """Return what the order of the batches depends on."""
        return {
            "samples": self._samples.count,
            "size": self.size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "drop_last": self.drop_last,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_ahead": None}  # a copy has no loops

    def __repr__(self) -> str:
        kind = ", ".join(f"{name}={value!r}" for name, value in self._kind().items())
        return f"Batches({kind}), epoch {self._epoch}, {self._position} of {len(self)} drawn"


class EpochLoop:
    """An iterator over the batches of one epoch of `Batches`, independent of other loops.

    Attributes
    ----------
    epoch : int
        The number of the epoch: 0, 1, 2, ...
    position : int
        The number of its batches drawn, with those before a place that was loaded.
    """

    def __init__(
        self, batches: Batches, epoch: int, position: int, batch: Callable[[int], Any]
    ) -> None:
        self.epoch, self.position = epoch, position
        self._batches, self._batch = batches, batch
        # A range is advanced in one go: threads that share a loop have each batch once.
        self._numbers = iter(range(position, len(batches)))

    def __iter__(self) -> "EpochLoop":
        return self

    def __next__(self) -> Any:
        try:
            number = next(self._numbers)
        except StopIteration:
            self._batches._ended(self)
            raise
        batch = self._batch(number)
        self.position = max(self.position, number + 1)  # before it is returned: what is saved counts it
        self._batches._drew(self)
        return batch

    def __length_hint__(self) -> int:
        return len(self._batches) - self.position

    def state_dict(self) -> dict[str, Any]:
        """Return the place of this loop, for `Batches.load_state_dict`."""
        return {"epoch": self.epoch, "position": self.position, **self._batches._kind()}
