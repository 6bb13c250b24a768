"""The states of torch, which are our arrays, seen as tensors."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch

from fastopt.optimizer import Optimizer
from fastopt.runtime import native
from fastopt.step import core_of
from fastopt.torch.following import Following
from fastopt.torch.groups import same
from fastopt.torch.names import Names
from fastopt.torch.options import read
from fastopt.torch.storing import forget, key_of, loaded
from fastopt.torch.tensors import Form, places


def _held(state: Any) -> list[Any]:
    """List each key of torch's state, and all that it has for it."""
    found: list[Any] = []
    for p, entry in state.items():
        found += [p, *chain.from_iterable(entry.items())]
    return found


def _holds(state: Any, known: list[Any]) -> bool:
    """Return whether torch's state has these objects and no others."""
    return bool(native.holds(state, known)) if native else same(_held(state), known)


class States:
    """The tensors in torch's state of each parameter, and where they lie.

    A parameter has none there before its first gradient. What has been put in its place by hand, or
    lies elsewhere, is found by `are_there`.
    """

    def __init__(
        self,
        names: Names,
        opt: Optimizer,
        params: list[Any],
        forms: list[Form],
        groups: list[dict[str, Any]],
        state: Any,
    ) -> None:
        self._names, self._opt, self._params, self._forms = names, opt, params, forms
        self.following = Following(opt, groups)
        if state or self.following.has_begun:
            self._load(state)
        self._share(state)

    def _load(self, state: Any) -> None:
        """Load the state that torch has."""
        names, opt = self._names, self._opt
        saved = opt.state_dict(copy=False)
        most, signs = 0, opt.facts.few_bits
        storages = core_of(opt).bound.how_stored
        for name, p, form, how in zip(opt.names, self._params, self._forms, storages, strict=True):
            entry = state.get(p)
            if not entry:
                continue
            kept, called = saved["parameters"][name], names.states(p.dim())
            arrays = loaded(
                entry, {**called, **self.following.names}, kept["arrays"], how, signs, p, form
            )
            kept["arrays"] = {**kept["arrays"], **arrays}
            kept["fresh"] = [key for key in kept["fresh"] if f"*{key}" not in arrays]
            steps = int(read(entry["step"], "step")) if "step" in entry else 1
            own = arrays.keys() - self.following.names
            kept["steps"] = steps if names.counts else min(1, len(own))
            carried = {key: read(entry[key], key) for key in opt.carried if key in entry}
            if opt.measures_all:
                saved["carried"] = (
                    {type(opt).__name__: carried} if carried else saved.get("carried", {})
                )
            elif carried:
                kept["carried"] = carried
            most = max(most, kept["steps"])
        saved["steps"] = most
        self.following.load(saved)

    def _share(self, state: Any) -> None:
        """Put our states into torch's, for parameters that have one there."""
        bound, names = core_of(self._opt).bound, self._names
        count = len(self._params)
        exact = torch.get_default_dtype() == torch.float64
        self._functions = names.numbers(self._opt)
        self._numbers = {
            key: np.zeros(count, np.float64 if exact else np.float32) for key in self._functions
        }
        self._tensors = []
        for i, (p, form) in enumerate(zip(self._params, self._forms, strict=True)):
            called = names.states(p.dim())
            found = {key: torch.from_numpy(numbers[i, ...]) for key, numbers in self._numbers.items()}
            for key, array in bound.states[i].items():
                there = key_of(key, called, bound.how_stored[i])
                found[there] = form.taken(array, bound.how_stored[i].get(key))
            if not bound.states[i] and not names.counts:
                found = {}
            for key, array in self.following.arrays(i).items():
                found[key] = form.taken(array)
            self._tensors.append(found)
        self._unshared = {i for i, p in enumerate(self._params) if not state.get(p)}
        self._count()
        for i, p in enumerate(self._params):
            if i not in self._unshared:
                state[p].update(self._tensors[i])
                forget(state[p], self._tensors[i])
        self._remember(state)

    def are_there(self, groups: list[dict[str, Any]], state: Any) -> bool:
        """Return whether torch's state, and the parameters, are as they were left."""
        if not (_holds(state, self._state) and self.following.is_there(groups)):
            return False
        return places(self._placed) == self._places and self._seen() == self._last

    def taken(self, gradients: Sequence[Any], groups: list[dict[str, Any]], state: Any) -> None:
        """Go on after a step with these gradients."""
        self._count()
        self.following.count(groups)
        if self._unshared or self._names.floats:
            self.share_more(gradients, state)

    def share_more(self, gradients: Sequence[Any], state: Any) -> None:
        """Put the states of parameters into torch's that have a gradient, or estimate, at last."""
        new = [i for i in self._unshared if gradients[i] is not None]
        for i in sorted(new):
            if self._tensors[i] or self._names.floats:
                state[self._params[i]].update(self._tensors[i])
        self._unshared.difference_update(new)
        if new or self._names.floats:
            self._remember(state)

    def _remember(self, state: Any) -> None:
        if self._names.floats:
            self._write_floats(state)
        self._state = _held(state)
        shared = [
            each
            for i, found in enumerate(self._tensors)
            if i not in self._unshared
            for key, each in found.items()
            if key not in self._numbers
        ]
        self._placed = [*self._params, *shared]
        self._places = places(self._placed)

    def _seen(self) -> list[bytes]:
        return [numbers.tobytes() for numbers in self._numbers.values()]

    def _count(self) -> None:
        """Write the numbers that torch keeps as tensors."""
        bound = core_of(self._opt).bound
        for key, function in self._functions.items():
            values = [function(count) for count in bound.counts]
            if len(values) == 1:
                self._numbers[key].fill(values[0])
            else:
                self._numbers[key][...] = np.array(values)[bound.count_of]
        self._last = self._seen()

    def _write_floats(self, state: Any) -> None:
        bound = core_of(self._opt).bound
        together = bound.progress.carried.get(type(self._opt).__name__, {})
        for i, p in enumerate(self._params):
            if i not in self._unshared:
                carried = bound.counts[bound.count_of[i]].carried
                state[p].update({key: {**carried, **together}[key] for key in self._names.floats})
