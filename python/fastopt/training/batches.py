"""Batches: mini-batches of arrays, in an order that depends on seed and epoch alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.hyperparameters import describe, flag, whole
from fastopt.training.samples import Samples

_FLAG = flag(default=True)
_LARGEST = 2**32 - 1  # what is one word of a SeedSequence


class Batches:
    """Draw mini-batches from arrays whose first axis counts the samples.

    ::

        data = fastopt.Batches((x, y), 32)
        for x, y in data:                               one epoch; the next loop is the next epoch

    A loop gives what is left of the epoch: after a break, or `load_state_dict`, it goes on with the
    next batch. There is one position, so do not iterate twice at the same time. The order of epoch e is
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
        self._epoch = self._position = 0
        self._order: tuple[int, NDArray[np.intp]] | None = None  # of which epoch

    @property
    def epoch(self) -> int:
        """The number of the epoch that is being given: 0, 1, 2, ..."""
        return self._epoch

    @property
    def position(self) -> int:
        """How many batches of this epoch have been given."""
        return self._position

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        count = self._samples.count
        return count // self.size if self.drop_last else -(-count // self.size)

    def __iter__(self) -> Iterator[Any]:
        if self._position == len(self):
            self._next_epoch()
        while self._position < len(self):
            batch = self._batch(self._position)
            self._position += 1  # before it is given: what is saved meanwhile counts it
            yield batch
        self._next_epoch()

    def _next_epoch(self) -> None:
        self._epoch, self._position = self._epoch + 1, 0

    def _batch(self, number: int) -> Any:
        part = slice(number * self.size, (number + 1) * self.size)
        if not self.shuffle:
            return self._samples.view(part)
        if self._order is None or self._order[0] != self._epoch:
            seeds = np.random.SeedSequence([self.seed, self._epoch])
            rng = np.random.Generator(np.random.PCG64(seeds))
            self._order = self._epoch, rng.permutation(self._samples.count)
        return self._samples.take(self._order[1][part])

    def state_dict(self) -> dict[str, Any]:
        """Give the place, and what it is a place in, as JSON can hold them."""
        return {"epoch": self._epoch, "position": self._position, **self._kind()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the place that `state_dict` gave.

        TypeError for what is no such state, ValueError for one of other batches; nothing has changed.
        """
        kind = self._kind()
        if not isinstance(state, Mapping) or set(state) != {"epoch", "position", *kind}:
            raise TypeError(
                f"the state of Batches is what state_dict() gives, with epoch, position, "
                f"{', '.join(kind)}; this is {describe(state)}"
            )
        for name, value in kind.items():
            if state[name] != value:
                raise ValueError(
                    f"the state is one of batches with {name} {state[name]!r}, and these have {value!r}"
                    f": make them as they were, or begin anew"
                )
        epoch = whole(state["epoch"], "epoch", 0, _LARGEST)
        self._position = whole(state["position"], "position", 0, len(self))
        self._epoch = epoch

    def _kind(self) -> dict[str, Any]:
        """Say what the order of the batches depends on."""
        return {
            "samples": self._samples.count,
            "size": self.size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "drop_last": self.drop_last,
        }

    def __repr__(self) -> str:
        kind = ", ".join(f"{name}={value!r}" for name, value in self._kind().items())
        return f"Batches({kind}), epoch {self._epoch}, {self._position} of {len(self)} given"
