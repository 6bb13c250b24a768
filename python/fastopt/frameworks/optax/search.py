"""Search of a nested state of Optax for what an algorithm keeps."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fastopt.runtime import describe

COUNTS = ("count", "t")  # the names of the number of steps


class Found:
    """Parts that were found, under Optax's names."""

    def __init__(self) -> None:
        self.trees: dict[str, Any] = {}  # states, each built like the parameters
        self.count: int | None = None  # steps that the algorithm counts
        self.steps: int | None = None  # steps that schedules count
        self.hyperparameters: dict[str, float] = {}  # that are no schedules


def search(state: Any, keepers: Collection[str]) -> Found:
    """Search all parts of a state; raise TypeError or ValueError for one that is something else."""
    found = Found()
    for part in _parts(state):
        name = type(part).__name__
        if name in keepers:
            fields = part._asdict()
            for count in [fields.pop(key) for key in COUNTS if key in fields]:
                found.count = int(count)
            twice = fields.keys() & found.trees.keys()
            if twice:
                raise ValueError(
                    f"the state has {min(twice)} twice: give the part that belongs to the optimizer"
                )
            found.trees.update(fields)
        elif name == "InjectStatefulHyperparamsState":
            found.steps = int(part.count)
            given: Mapping[str, Any] = part.hyperparams
            schedules = part.hyperparams_states
            found.hyperparameters.update({k: float(given[k]) for k in given if k not in schedules})
        elif part._fields == ("count",):
            found.steps = int(part.count)
        elif part._fields:
            raise ValueError(
                f"the state has a {name}, and {' or '.join(keepers)} is what can be taken: give the "
                "part that belongs to the optimizer"
            )
    return found


def _parts(state: Any) -> Iterator[Any]:
    """List the named tuples of a state, also what is in those that only wrap others."""
    if not isinstance(state, tuple):
        raise TypeError(
            f"the state, or a part of it, is {describe(state)}; it must be what init or update of an "
            "Optax transformation gives: tuples"
        )
    if not hasattr(state, "_fields"):
        for each in state:
            yield from _parts(each)
        return
    part: Any = state
    if type(part).__name__ != "MaskedState":
        yield part
    if type(part).__name__ in ("MaskedState", "InjectStatefulHyperparamsState"):
        yield from _parts(part.inner_state)
