"""All that follows the parameters of one optimizer: slow weights, averages, copies in 16 bits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastopt.arrays import Arena, Named
from fastopt.followers.averages import Averages, averages_for
from fastopt.followers.base import Follower
from fastopt.followers.low_precision import Copies
from fastopt.followers.slow_weights import SlowWeights, slow_weights_for
from fastopt.model import Change, Parameters

Arrays = Sequence[NDArray[Any]]
Weights = tuple[float, float] | None  # keep and take


class Followers(NamedTuple):
    """Each of them, None where it has not been asked for."""

    slow: SlowWeights | None
    averages: Averages | None
    copies: Copies | None

    @classmethod
    def of(cls, settings: Mapping[str, Any], parameters: Parameters) -> "Followers":
        """Make those that the settings ask for."""
        copies = None if settings["cast_to"] is None else Copies(settings["cast_to"], parameters)
        averages = averages_for(settings, parameters.arrays)
        return cls(slow_weights_for(settings, parameters.arrays), averages, copies)

    def by_key(self) -> dict[str, Follower]:
        """Return those with an array like each parameter, by their names in a checkpoint."""
        found = {"slow": self.slow, "average": self.averages}
        return {name: each for name, each in found.items() if each is not None}

    def attach(self, plan: Any) -> None:
        """Bind their arrays to a plan."""
        slow = None if self.slow is None else self.slow.arrays
        averages = None if self.averages is None else self.averages.arrays
        copies = None if self.copies is None else self.copies.arrays
        if not (slow is averages is copies is None):
            plan.attach(slow, averages, copies)

    def beside(self, i: int) -> tuple[Any, Any]:
        """Return slow weights and average of one parameter, None for what there is not."""
        slow = None if self.slow is None else self.slow.arrays[i]
        return slow, None if self.averages is None else self.averages.arrays[i]

    def refresh(self, parameters: Arrays) -> None:
        """Copy the parameters to what has been through no step yet."""
        for each in self.by_key().values():
            each.refresh(parameters)

    def is_behind(self, parameters: Arrays) -> bool:
        """Return whether that would change anything."""
        return bool([each for each in self.by_key().values() if each.is_behind(parameters)])

    @property
    def are_fresh(self) -> bool:
        """True where some go through a step for the first time."""
        slow, averages, copies = self
        return bool(
            (slow is not None and slow.fresh)
            or (averages is not None and averages.fresh)
            or (copies is not None and copies.fresh)
        )

    def weights(self, step: int) -> tuple[Weights, Weights]:
        """Compute keep and take of slow weights and of averages; see `Follower`."""
        slow, averages, _ = self
        return (
            None if slow is None else slow.weights(step),
            None if averages is None else averages.weights(step),
        )

    def changes(self) -> list[Change]:
        """List what changes with the step whose weights were computed last."""
        slow, averages, _ = self
        found = [] if averages is None else averages.changes()
        return found if slow is None else [*slow.changes(), *found]

    def begin(self, parameters: Arrays, gradients: Sequence[Any]) -> list[Change]:
        """Begin what goes through a step for the first time; list what changes with the step."""
        changes = self.changes()
        for each in self:
            if each is not None and each.fresh:
                changes += each.begin(parameters, gradients)
        return changes

    def write_copies(self, parameters: Arrays) -> None:
        """Write the copies anew, where no step does."""
        if self.copies is not None:
            self.copies.write(parameters)

    def named(self, names: Sequence[str], which: Iterable[int]) -> list[Named]:
        """List their arrays beside some parameters with what messages call them; `names` are of all."""
        found: list[Named] = []
        for what, each in (("the slow weights", self.slow), ("the average", self.averages)):
            if each is not None:
                found += [(f"{what} of {names[i]!r}", each.arrays[i]) for i in which]
        return found if self.copies is None else [*found, *[self.copies.named[i] for i in which]]

    def among(self, parameters: Arrays, was: Sequence[int | None]) -> "Followers":
        """Make those that follow other parameters; see `Follower`."""
        room = Arena()
        return self.with_({k: each.among(parameters, was, room) for k, each in self.by_key().items()})

    def with_(self, others: Mapping[str, Follower]) -> "Followers":
        """Put others in the places of some, by their names in a checkpoint."""
        now: dict[str, Any] = {**self.by_key(), **others}
        return self._replace(slow=now.get("slow"), averages=now.get("average"))
