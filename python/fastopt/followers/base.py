"""Arrays that follow the parameters: averages, and the slow weights of Lookahead."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Option
from fastopt.arrays import Arena
from fastopt.followers.fresh import digest, is_like, is_same
from fastopt.model import Change
from fastopt.numerics import widened
from fastopt.runtime import describe

Array = NDArray[Any]


class Follower:
    """One array beside each parameter, at first its copy: ``keep * array + take * p`` after a step.

    Those that have not been through a step are `fresh`: the step that they go through first begins with
    the parameters as they are then, and a look before it finds them so. One that was written by hand
    meanwhile, through a view, is fresh no longer.
    """

    number: ClassVar[int]  # of the arrays, beside those of the state
    scalars: ClassVar[Mapping[str, Option]] = {}  # attributes that have to be saved with the arrays
    added: ClassVar[frozenset[str]] = frozenset()  # those that have a default, and 0.1 did not save

    def __init__(self, parameters: Sequence[Array]) -> None:
        room = Arena()
        self.arrays = [room.like(p, widened(p), self.number) for p in parameters]
        self.fresh = tuple(range(len(self.arrays)))
        self._shown: dict[int, frozenset[bytes]] = {}  # what fresh arrays held when they were shown

    def views(self) -> list[Array]:
        """Return what may be handed out: whatever becomes of the views, the arrays stay as they are."""
        self.show()
        return [array.view() for array in self.arrays]

    def show(self) -> None:
        """Remember what fresh arrays hold: they can be written by hand from now on."""
        for i in self.fresh:
            if i not in self._shown:
                self._shown[i] = frozenset([digest(self.arrays[i])])

    def is_behind(self, parameters: Sequence[Array]) -> bool:
        """Find out whether a fresh array is not as its parameter is now."""
        return bool([i for i in self.fresh if self._differs(i, parameters[i])])

    def refresh(self, parameters: Sequence[Array], which: Iterable[int] | None = None) -> None:
        """Copy the parameters to all fresh arrays, or some of them, but those written by hand."""
        which = self.fresh if which is None else which
        shown = [i for i in which if i in self._shown]
        written = {i for i in shown if digest(self.arrays[i]) not in self._shown[i]}
        if written:
            self.fresh = tuple([i for i in self.fresh if i not in written])
        for i in which:
            if i not in written and self._differs(i, parameters[i]):
                self._copy(i, parameters[i])

    def _differs(self, i: int, p: Array) -> bool:
        p = widened(p)
        return is_like(p, self.arrays[i]) and not is_same(p, self.arrays[i])

    def _copy(self, i: int, p: Array) -> None:
        p = widened(p)
        # Wherever a signal's handler raises, what the array holds is one of those that are known.
        known = frozenset([digest(p)]) if i in self._shown else None
        if known:
            self._shown[i] |= known
        np.copyto(self.arrays[i], p)
        if known:
            self._shown[i] = known

    def weights(self, step: int) -> tuple[float, float] | None:
        """Compute keep and take for a step, None where it changes nothing.

        The step is the number of steps taken before, 0, 1, 2, ...
        """
        raise NotImplementedError  # pragma: no cover - each has its own

    def left_fresh(self, gradients: Sequence[Any]) -> tuple[int, ...]:
        """List which are still fresh after a step with these gradients."""
        return ()

    def begin(self, parameters: Sequence[Array], gradients: Sequence[Any]) -> list[Change]:
        """Copy the parameters to the arrays that go through a step for the first time.

        Gives back what changes when it is taken: they are not fresh any more.
        """
        left = self.left_fresh(gradients)
        still = set(left)
        self.refresh(parameters, [i for i in self.fresh if i not in still])
        return [(self, "fresh", left)]

    def changes(self) -> list[Change]:
        """List what changes when the step is taken whose weights were computed last."""
        return []

    def restarts(self, step: int) -> list[Change]:
        """List what changes when all begin anew after so many steps."""
        shown = {i: frozenset([digest(array)]) for i, array in enumerate(self.arrays)}
        return [(self, "_shown", shown), (self, "fresh", tuple(range(len(self.arrays))))]

    def among(self, parameters: Sequence[Array], was: Sequence[int | None], room: Arena) -> "Follower":
        """Make one that follows other parameters; `was` has the number that each had, or None."""
        place = {i: k for k, i in enumerate(was) if i is not None}
        fresh = [place[i] for i in self.fresh if i in place]
        fresh += [k for k, i in enumerate(was) if i is None]
        arrays = [
            room.like(p, widened(p), self.number) if i is None else self.arrays[i]
            for p, i in zip(parameters, was, strict=True)
        ]
        shown = {place[i]: known for i, known in self._shown.items() if i in place}
        return self.but(arrays=arrays, fresh=tuple(sorted(fresh)), _shown=shown)

    def but(self, **changed: Any) -> "Follower":
        """Make one that is the same but for some attributes."""
        found = copy(self)
        vars(found).update(changed)
        return found

    def state(self) -> dict[str, float]:
        """Return the scalars to save with the arrays, as JSON can hold them."""
        found = {name: getattr(self, name) for name in self.scalars}
        return {k: v for k, v in found.items() if k not in self.added or v != self.scalars[k].default}

    def is_fresh_at(self, steps: int, own_steps: int) -> bool:
        """Find out whether an array is fresh that 0.1 saved: the steps, and those of its parameter."""
        return steps == 0

    def restored(
        self,
        scalars: Mapping[str, Any],
        arrays: list[Array] | None = None,
        fresh: Iterable[int] = (),
    ) -> "Follower":
        """Make one with scalars that `state` returned; TypeError or ValueError for others."""
        if not isinstance(scalars, Mapping):
            raise TypeError(f"what state() gives is a dict; this is {describe(scalars)}")
        if set(scalars) | self.added != set(self.scalars):
            needed = [name for name in self.scalars if name not in self.added]
            wanted, found = (", ".join(map(repr, x)) or "nothing" for x in (needed, scalars))
            raise ValueError(
                f"what state() gives here is a dict of {wanted}; this has {found}: take it from an "
                "optimizer with the same settings"
            )
        given = {name: scalars.get(name, each.default) for name, each in self.scalars.items()}
        checked = {name: each.check(given[name], name) for name, each in self.scalars.items()}
        if arrays is None:
            return self.but(**checked)
        return self.but(**checked, arrays=arrays, fresh=tuple(fresh), _shown={})
