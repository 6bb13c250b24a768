"""Arrays bound in Python: how they were, and the gradients of the next step, checked."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Rule
from fastopt.arrays import Extents, Fingerprint, bounds, flat, outermost, overlaps_itself
from fastopt.backends.protocol import (
    BOUND,
    SOME_ABSENT,
    GradientForms,
    OfEach,
    OfStored,
    Portion,
    RowOf,
    Spreads,
)
from fastopt.backends.python_stored import Elements, StoredElements
from fastopt.numerics import computed, format_of, read
from fastopt.rows import summed


class Binding:
    """Arrays, flat views of them in the order of their memory, and gradients."""

    def __init__(
        self,
        arrays: list[tuple[NDArray[Any], ...]],
        rules: list[Rule],
        rows: list[int],
        spreads: Spreads = (),
        stored: OfStored = (),
    ) -> None:
        """Bind parameters and states, one tuple (p, states...) for each, and what is spread."""
        self._arrays = arrays
        self._rules = rules
        self._spreads: Spreads = spreads or [()] * len(arrays)
        self._rows = rows
        self._row_of: RowOf = rows  # of the step that is being taken
        self._flat = [tuple(flat(a, entry[0]) for a in entry) for entry in arrays]
        self._slow: list[NDArray[Any]] = []
        self._averages: list[NDArray[Any]] = []
        self._copies: list[NDArray[Any]] = []
        self._portions: Sequence[Portion] = [(None, None)] * len(arrays)
        self._stored: list[StoredElements | None] = [None] * len(arrays)
        for i, how in enumerate(stored):
            if how is not None:
                self._stored[i] = StoredElements(how, self._flat[i])
                beside = [each[1] for each in how.streams if each and each[1] is not None]
                self._arrays = [*self._arrays[:i], (*arrays[i], *beside), *self._arrays[i + 1 :]]
        self._gradients: list[Any] = []
        self._of_rows: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}  # rows and their gradients
        self._watch()

    def attach(self, slow: OfEach, averages: OfEach, copies: OfEach) -> None:
        """Bind arrays of every parameter for slow weights, average and copy; see the protocol."""
        self._slow, self._averages, self._copies = map(self._flattened, (slow, averages, copies))
        for given in (slow, averages, copies):
            if given:
                self._arrays = [(*entry, a) for entry, a in zip(self._arrays, given, strict=True)]
        self._watch()

    def attach_portions(self, portions: Sequence[Portion]) -> None:
        """Bind how much of its step each parameter takes; see the protocol."""
        self._portions = portions
        self._arrays = [
            (*entry, *[entries.array for entries in pair if entries is not None])
            for entry, pair in zip(self._arrays, portions, strict=True)
        ]
        self._watch()

    def _flattened(self, given: list[Any] | None) -> list[NDArray[Any]]:
        if given is None:
            return []
        return [flat(a, entry[0]) for a, entry in zip(given, self._arrays, strict=True)]

    def elements(self, i: int, a: int, b: int) -> Elements:
        """Return the elements from a to b of a parameter and its states, as they are computed in.

        Views of them, or copies of what is stored otherwise, which have to be written.
        """
        stored = self._stored[i]
        return [flat[a:b] for flat in self._flat[i]] if stored is None else stored.read(a, b)

    def references(self) -> Iterator[Iterable[Any]]:
        """List all that it refers to, once for each reference."""
        yield from self._arrays
        yield [each.base for flats in self._flat for each in flats]
        yield [each.owner for placements in self._placements for each in placements]

    def _watch(self) -> None:
        """Remember where all that is written lies."""
        self._placements = [[Fingerprint(a) for a in entry] for entry in self._arrays]
        self._written = Extents(outermost([("", a) for entry in self._arrays for a in entry]))

    def bind(
        self,
        gradients: Sequence[Any],
        params: Sequence[Any] | None,
        overlap_checked: bool,
        taking: GradientForms | None = None,
    ) -> int:
        """Check and keep the gradients; see the protocol."""
        taking = taking or GradientForms(False, False)
        self._of_rows = {}
        doubtful = self._doubtful(gradients, params, taking)
        for i in doubtful:
            if not self._fits(i, gradients[i], params, overlap_checked, taking):
                return i
        if taking.written and not overlap_checked:
            ranges = sorted(bounds(g) for g in gradients if g is not None and g.size)
            if any(begin < end for (_, end), (begin, _) in pairwise(ranges)):
                return 0
        self._gradients = list(gradients)
        return SOME_ABSENT if any(gradients[i] is None for i in doubtful) else BOUND

    def bind_rows(self, parameter: int, indices: Any, values: Any, living: Any) -> None:
        """Bind a gradient of some rows of a parameter; see the protocol."""
        self._of_rows[parameter] = summed(indices, values, living)

    def _doubtful(
        self, gradients: Sequence[Any], params: Sequence[Any] | None, taking: GradientForms
    ) -> Sequence[int]:
        """List the parameters that `_fits` has to look at: all, where no other has."""
        if len(gradients) != len(self._arrays):
            raise ValueError("a plan needs as many gradients as it has parameters")
        return range(len(self._arrays))

    def _fits(
        self,
        i: int,
        g: Any,
        params: Sequence[Any] | None,
        overlap_checked: bool,
        taking: GradientForms,
    ) -> bool:
        """Return whether a parameter and what belongs to it are as they were, and its gradient fits."""
        entry = self._arrays[i]
        p = entry[0]
        if params is not None and params[i] is not p:
            return False
        if not all(was.unchanged(a) for was, a in zip(self._placements[i], entry, strict=True)):
            return False
        if g is None:
            return True
        if type(g) not in (np.ndarray, np.memmap) or not _takes(g, p, taking):
            return False
        return overlap_checked or not g.size or not self._written.within(*bounds(g))

    def assign(self, rows: list[int]) -> None:
        """Assign to each parameter the row that it uses."""
        self._rows = rows

    def release(self) -> None:
        """Release the gradients."""
        self._gradients = []
        self._of_rows = {}


class Gradient:
    """The elements of a gradient in the order and the dtype of its parameter."""

    def __init__(self, g: NDArray[Any], p: NDArray[Any]) -> None:
        c_order = p.flags.c_contiguous
        alike = g.flags.c_contiguous if c_order else g.flags.f_contiguous
        self._elements: Any = flat(g, p) if alike else (g if c_order else g.T).flat
        self._dtype = computed(p.dtype)
        self.size = g.size
        self.is_view = alike and g.dtype == self._dtype  # what `read` gives copies nothing

    def read(self, a: int, b: int) -> NDArray[Any]:
        """Return the elements from a to b."""
        return read(self._elements[a:b], self._dtype)

    def zero(self, a: int, b: int) -> None:
        """Zero them."""
        self._elements[a:b] = 0


def _takes(g: NDArray[Any], p: NDArray[Any], taking: GradientForms) -> bool:
    if g.shape != p.shape:
        return False
    if g.dtype not in (p.dtype, computed(p.dtype)) and not (taking.cast and format_of(g.dtype)):
        return False
    return not taking.written or (g.flags.writeable and not overlaps_itself(g))
