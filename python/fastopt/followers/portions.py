"""The portion of its step that each element takes: what ``mask=`` and ``lr_scale=`` are given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Entries, Extents, Named, outermost
from fastopt.model import Group, Parameters
from fastopt.numerics import computed
from fastopt.runtime import describe

Given = Mapping[str, Sequence[Any]]  # by setting, an array or None for each parameter

MASK, SCALE = "mask", "lr_scale"
PORTIONS = (SCALE, MASK)
REMEDY = "give an array for each parameter, or None where all of it takes the whole step"


class Portions:
    """Arrays of the caller, which each step reads as they are then."""

    def __init__(self, given: Given, parameters: Parameters, written: Sequence[Named] = ()) -> None:
        """Check them beside the parameters, and beside what else of the caller's is written."""
        self.given = given
        self._named: list[list[Named]] = [[] for _ in parameters.arrays]
        self._pairs: list[tuple[Entries | None, Entries | None]] = []
        self.largest = 1.0  # of the scales, as they were given
        beside = Extents([*parameters.named(), *written])
        for i, (name, p) in enumerate(zip(parameters.names, parameters.arrays, strict=True)):
            found: dict[str, Entries | None] = dict.fromkeys(PORTIONS)
            for setting, leaves in given.items():
                array, what = leaves[i], f"the {setting} of {name!r}"
                if array is None:
                    continue
                found[setting] = _checked(array, what, p, setting)
                if shared := beside.shared(Extents([(what, array)])):
                    raise ValueError(
                        f"{what} shares memory with {shared}, which a step writes: give a copy, "
                        "np.array(a)"
                    )
                if setting == SCALE and array.size:
                    self.largest = max(self.largest, float(array.max()))
                self._named[i].append((what, array))
            self._pairs.append((found[SCALE], found[MASK]))

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], parameters: Parameters, written: Sequence[Named]
    ) -> "Portions | None":
        """Make those that the settings ask for."""
        given = {
            name: parameters.leaves_of(settings[name], name, REMEDY)
            for name in PORTIONS
            if settings[name] is not None
        }
        return cls(given, parameters, written) if given else None

    def check_algorithms(self, groups: Sequence[Group], group_of: Sequence[int]) -> None:
        """Raise ValueError where an algorithm moves the parameters to averages of its own."""
        for named, group in zip(self._named, group_of, strict=True):
            kind = groups[group].kind
            if named and kind.average(groups[group].h) is not None:
                raise ValueError(
                    f"{named[0][0]} does not hold the average that {kind.__name__} keeps in its "
                    "states: use another algorithm for it, such as AdamW with ema=0.999"
                )

    def attach(self, plan: Any, which: Iterable[int] | None = None, settings: Any = PORTIONS) -> None:
        """Bind them, those of some parameters, or those of some settings, to a plan."""
        numbers = range(len(self._pairs)) if which is None else which
        asked = [name in settings for name in PORTIONS]
        plan.attach_portions(
            [
                tuple([e if a else None for e, a in zip(self._pairs[i], asked, strict=True)])
                for i in numbers
            ]
        )

    def attach_piece(self, plan: Any, i: int, index: Any, p: NDArray[Any]) -> None:
        """Bind those of p, a piece of parameter i, to a plan of it alone."""
        pair = [entries and entries.piece(index, p) for entries in self._pairs[i]]
        plan.attach_portions([tuple(pair)])

    def named(self, which: Iterable[int]) -> list[Named]:
        """List the arrays of some parameters with what messages call them, none within another."""
        return outermost([named for i in which for named in self._named[i]])


def portions_among(
    portions: Portions | None, parameters: Parameters, was: Sequence[int | None], more: Given
) -> Portions | None:
    """Make those of other parameters.

    `was` has the number that each had, or None; `more` are the arrays of those that had none.
    """
    before = {} if portions is None else portions.given
    given = {}
    for name in PORTIONS:
        coming = iter(more.get(name, ()))
        leaves = [
            next(coming, None) if i is None else (before[name][i] if name in before else None)
            for i in was
        ]
        if any([leaf is not None for leaf in leaves]):
            given[name] = leaves
    return Portions(given, parameters) if given else None


def _checked(array: Any, what: str, p: NDArray[Any], setting: str) -> Entries:
    """Return the entries of a mask or a scale; raise TypeError or ValueError for what cannot be one."""
    dtype = np.dtype(bool) if setting == MASK else computed(p.dtype)
    kind = "bool" if setting == MASK else f"np.{dtype}"
    new = f"np.ones({p.shape}, {kind})"
    if type(array) not in (np.ndarray, np.memmap):
        raise TypeError(f"{what} is {describe(array)}, not a NumPy array: give {new}, or None")
    found = f"{what} ({array.dtype}, shape {array.shape})"
    if array.dtype != dtype:
        why = "True where an element is updated" if setting == MASK else "as its parameter is"
        raise TypeError(f"{found} must be {dtype}, {why}: give a.astype({kind})")
    entries = Entries.of(array, p)
    if entries is None:
        rows = p.shape[:1] + (1,) * (p.ndim - 1)
        line = f"a.reshape({rows})" if array.shape == p.shape[:1] else new
        raise ValueError(
            f"{found} must have the shape of its parameter, {p.shape}, but for axes of length 1 at the "
            f"end, as {rows} has for rows, or at the beginning: give {line}"
        )
    in_order = array.flags.c_contiguous if p.flags.c_contiguous else array.flags.f_contiguous
    if not (in_order and array.flags.aligned and array.flags.writeable):
        order = "C" if p.flags.c_contiguous else "F"
        raise ValueError(
            f"{found} must be contiguous in the memory order of its parameter, aligned and writeable: "
            f"give np.array(a, order={order!r})"
        )
    if setting == SCALE:
        wrong = array[~(np.isfinite(array) & (array >= 0))]
        if wrong.size:
            raise ValueError(
                f"{what} has {wrong[0]}; a factor of a step is finite, and not below 0: give "
                "np.where(np.isfinite(a) & (a >= 0), a, 0)"
            )
    return entries
