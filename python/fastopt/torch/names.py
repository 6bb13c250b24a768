"""Names of an algorithm's hyperparameters and states in an optimizer of torch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from fastopt.algorithm import Algorithm
from fastopt.frameworks.torch import (
    CARRIED,
    FOLLOWING,
    TABLE,
    UNCOUNTED,
    VECTORS,
    as_ours,
    following,
    plain,
)
from fastopt.torch.options import OF_GROUPS


def theirs_of(kind: type[Algorithm]) -> Any:
    """Return the class of the same name of ``torch.optim``; None where torch has none that is alike."""
    name = kind.__name__
    return getattr(torch.optim, name, None) if name in TABLE else None


class Names:
    """The names of one algorithm: torch's where torch has it, ours otherwise."""

    def __init__(self, kind: type[Algorithm]) -> None:
        self._kind, name = kind, kind.__name__
        self._theirs = theirs_of(kind) and TABLE[name]
        self.is_torchs = self._theirs is not None
        self.counts = not (self.is_torchs and name in UNCOUNTED)  # has a number of steps in the state
        self._followed = FOLLOWING.get(name, set()) if self.is_torchs else set()
        self._carried = CARRIED.get(name, set()) if self.is_torchs else set()
        # Numbers that torch keeps as tensors, and ours, which are exact where torch would round them.
        self.tensors = [*(["step"] if self.counts else []), *self._carried, *self._followed]
        self.floats = [] if self.is_torchs else list(kind.carried)

    def values(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyperparameters of a group under our names."""
        if self._theirs is None:
            return {key: plain(group[key]) for key in self._kind.hyperparameters if key in group}
        given = as_ours(self._kind.__name__, group)
        found = {key: plain(given[key]) for key in self._theirs.options if key in given}
        found.update({key: plain(group[key]) for key in OF_GROUPS if key in group})
        if isinstance(found.get("state_dtype"), dict):
            ours = {there: here for here, there in self._theirs.states.items()}
            asked = found["state_dtype"].items()
            found["state_dtype"] = {ours.get(state, state): dtype for state, dtype in asked}
        if found.get("nesterov") and found["momentum"] == 0.0:
            found["nesterov"] = False  # no different, and refused
        return found

    def states(self, axes: int) -> Mapping[str, str]:
        """Return the names of states by ours, of a parameter with so many axes."""
        if self._theirs is None:
            return {}
        others = VECTORS.get(self._kind.__name__, {}) if axes < 2 else {}
        return {**self._theirs.states, **others}

    def numbers(self, opt: Any) -> dict[str, Callable[[Any], float]]:
        """Return functions of a step count that give the numbers which torch keeps as tensors."""
        found: dict[str, Callable[[Any], float]] = {}
        if self.counts:
            found["step"] = lambda count: count.t
        for key in self._carried:
            found[key] = lambda count, key=key: count.carried[key]  # type: ignore[misc]
        for key in self._followed:
            found[key] = lambda count, key=key: following(  # type: ignore[misc]
                opt, count.group.with_values({}).h, count.t, self._kind.__name__
            )[key]
        return found
