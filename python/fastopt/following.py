"""Arrays that follow the parameters: averages, and the slow weights of Lookahead."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from fastopt.changes import Change
from fastopt.hyperparameters import Hyper, describe
from fastopt.memory import Room


class Follower:
    """One array beside each parameter, at first its copy: ``keep * array + take * p`` after a step."""

    number: ClassVar[int]  # of the arrays, beside those of the state
    scalars: ClassVar[Mapping[str, Hyper]] = {}  # attributes that have to be saved with the arrays

    def __init__(self, parameters: Sequence[NDArray[Any]]) -> None:
        room = Room()
        self.arrays = [room.beside(p, p, self.number) for p in parameters]

    def views(self) -> list[NDArray[Any]]:
        """Give what may be handed out: whatever becomes of the views, the arrays stay as they are."""
        return [array.view() for array in self.arrays]

    def weights(self, step: int) -> tuple[float, float] | None:
        """Compute keep and take for a step, None where it changes nothing.

        The step is the number of steps taken before, 0, 1, 2, ...
        """
        raise NotImplementedError  # pragma: no cover - each has its own

    def changes(self) -> list[Change]:
        """List what changes when the step is taken whose weights were computed last."""
        return []

    def state(self) -> dict[str, float]:
        """Give the scalars to save with the arrays, as JSON can hold them."""
        return {name: getattr(self, name) for name in self.scalars}

    def restore(self, scalars: Mapping[str, Any]) -> None:
        """Take scalars that `state` gave; TypeError or ValueError, and no change, for others."""
        if not isinstance(scalars, Mapping):
            raise TypeError(f"what state() gives is a dict; this is {describe(scalars)}")
        if set(scalars) != set(self.scalars):
            wanted, found = (", ".join(map(repr, x)) or "nothing" for x in (self.scalars, scalars))
            raise ValueError(
                f"what state() gives here is a dict of {wanted}; this has {found}: take it from an "
                "optimizer with the same settings"
            )
        checked = {name: each.check(scalars[name], name) for name, each in self.scalars.items()}
        vars(self).update(checked)
