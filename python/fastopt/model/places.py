"""The places of arrays in params: tied ones show the elements of an earlier one, which names both."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Path, address, flat

Array = NDArray[Any]


class Places:
    """All places of arrays in a container; each parameter has one, or several that are tied.

    Attributes
    ----------
    names, paths, arrays : lists with one entry for each place
    firsts : numbers of the first place of each parameter
    owners : for each place the number of its parameter
    several : dict from the number of a parameter that is tied to its places
    later : pairs of the numbers of a place that is not the first, and of that which is
    """

    def __init__(self, names: list[str], paths: list[Path], arrays: list[Any], ties: bool) -> None:
        self.names, self.paths, self.arrays = names, paths, arrays
        self.firsts: Sequence[int] = range(len(arrays))
        self.owners: Sequence[int] = self.firsts
        self.several: dict[int, list[int]] = {}
        self.later: list[tuple[int, int]] = []
        if ties:
            self._tie()

    def _tie(self) -> None:
        alike: dict[Any, list[int]] = {}
        for k, array in enumerate(self.arrays):
            alike.setdefault(memory_of(array) or k, []).append(k)
        places = list(alike.values())
        self.firsts = [first for first, *_ in places]
        owner = {k: i for i, each in enumerate(places) for k in each}
        self.owners = [owner[k] for k in range(len(self.arrays))]
        self.several = {i: each for i, each in enumerate(places) if len(each) > 1}
        self.later = sorted([(k, first) for first, *others in places for k in others])

    def of(self, number: int) -> list[int]:
        """List the places of a parameter."""
        return self.several.get(number) or [self.firsts[number]]

    def of_parameters(self, entries: list[Any]) -> list[Any]:
        """Return of entries for all places those for each parameter."""
        return [entries[k] for k in self.firsts] if self.later else entries

    def now(self, there: Sequence[Any]) -> Sequence[Any]:
        """Return what parameters have in their places; None where a later one has another array."""
        if not self.later:
            return there
        found = self.of_parameters(list(there))
        for k, _ in self.later:
            if there[k] is not self.arrays[k]:
                found[self.owners[k]] = None
        return found

    def alone(self, entries: Sequence[Any], what: str) -> Sequence[Any]:
        """Do as `of_parameters`; raise ValueError for an entry of a later place."""
        for k, _ in self.later:
            if entries[k] is not None:
                raise ValueError(
                    f"{what} has something for {self.names[k]!r}, and {self.tie(k)}: give it there, "
                    f"and None for {self.names[k]!r}"
                )
        return self.of_parameters(list(entries)) if self.later else entries

    def spread(self, entries: Sequence[Any]) -> Sequence[Any]:
        """Return for each place the entry of its parameter; None for later ones."""
        if not self.later:
            return entries
        found: list[Any] = [None] * len(self.arrays)
        for k, entry in zip(self.firsts, entries, strict=True):
            found[k] = entry
        return found

    def views(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """Return for each place the entry of its parameter, viewed with the shape of the place."""
        found = list(self.spread(arrays))
        for k, first in self.later:
            elements, there = flat(found[first], self.arrays[first]), self.arrays[k]
            in_order = there.flags.c_contiguous
            found[k] = (
                elements.reshape(there.shape) if in_order else elements.reshape(there.shape[::-1]).T
            )
        return found

    def replaced(self, k: int, new: Array) -> Array:
        """View what replaces a parameter as a place does: as it is, or transposed."""
        first, there = self.arrays[self.firsts[self.owners[k]]], self.arrays[k]
        for p, found in ((first, new), (first.T, new.T)):
            if (there.shape, there.strides) == (p.shape, p.strides):
                return found
        raise ValueError(
            f"{self.tie(k)} as a view that is neither the same nor its transpose, and what replaces it "
            "cannot be viewed so: opt.remove_params and opt.add_params begin with new states"
        )

    def tie(self, k: int) -> str:
        """Spell to what a later place is tied."""
        return f"{self.names[k]!r} is tied to {self.names[self.firsts[self.owners[k]]]!r}"


def memory_of(array: Any) -> tuple[Any, ...] | None:
    """Return what arrays of the same elements have alike; None for one without, or not contiguous."""
    if not (isinstance(array, np.ndarray) and array.flags.forc and array.size):
        return None
    return address(array), array.nbytes, array.dtype
