"""Averages and slow weights as states of torch: tensors beside each parameter, and what counts them."""

from typing import Any

from fastopt.followers import Averages, Follower
from fastopt.model import commit
from fastopt.numerics import STORAGES
from fastopt.optimizer import Optimizer
from fastopt.step import core_of
from fastopt.torch.options import FOLLOWERS


def _called(key: str, follower: Follower) -> str:
    return follower.setting.removesuffix("_start") if isinstance(follower, Averages) else key


def _rounds_by_noise(opt: Optimizer) -> bool:
    """Return whether elements are rounded by noise, which is of the number of the step."""
    stored = [how for each in core_of(opt).bound.how_stored for how in each.values()]
    return opt.stochastic_rounding and not all([STORAGES[how].exact for how in stored])


class Following:
    """Arrays that follow the parameters of an optimizer, if any do, and what all parameters share.

    Such numbers, as that of the steps, stand in each group of torch where they are needed; torch
    saves them, and an optimizer made anew has them from there. Without an array in torch's
    state, a parameter has not begun.

    Attributes
    ----------
    names : the name of each array in torch's state, by its name in ours
    """

    def __init__(self, opt: Optimizer, groups: list[dict[str, Any]]) -> None:
        self._opt = opt
        following = core_of(opt).bound.followers.by_key()
        self.names = {f"*{key}": _called(key, each) for key, each in following.items()}
        known = [group[FOLLOWERS] for group in groups if FOLLOWERS in group]
        self._numbers: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._counts = bool(self.names) or _rounds_by_noise(opt)
        if self._counts and known:
            self._put(groups, known[0])

    def _put(self, groups: list[dict[str, Any]], numbers: dict[str, Any]) -> None:
        self._numbers, self._last = numbers, dict(numbers)
        for group in groups:
            group[FOLLOWERS] = numbers

    @property
    def has_begun(self) -> bool:
        """True where a step has been taken with them."""
        return bool(self._numbers)

    def arrays(self, i: int) -> dict[str, Any]:
        """Return the arrays of a parameter, by their names in torch's state."""
        following = core_of(self._opt).bound.followers.by_key()
        return {self.names[f"*{key}"]: each.arrays[i] for key, each in following.items()}

    def load(self, saved: dict[str, Any]) -> None:
        """Load a state into the optimizer, with the numbers of torch's groups."""
        entries, numbers = saved["parameters"].values(), self._numbers
        old = {key for key in saved["followers"] for each in entries if key not in each["fresh"]}
        saved["followers"] = {
            key: numbers.get(key, own) if key in old else own for key, own in saved["followers"].items()
        }
        saved["steps"] = numbers.get("steps", saved["steps"])
        self._opt.load_state_dict(saved, hyperparameters=False)
        following = core_of(self._opt).bound.followers.by_key()
        for key in following.keys() - old:
            commit(following[key].restarts(self._opt.step_count))

    def count(self, groups: list[dict[str, Any]]) -> None:
        """Write the numbers as they are after a step."""
        if self._counts:
            bound = core_of(self._opt).bound
            if not self._numbers:
                self._put(groups, self._numbers)
            self._numbers["steps"] = bound.progress.steps
            for key, each in bound.followers.by_key().items():
                self._numbers[key] = each.state()
            self._last = dict(self._numbers)

    def is_there(self, groups: list[dict[str, Any]]) -> bool:
        """Return whether the numbers are as they were left."""
        if not self._numbers:
            return not self._counts or not any([FOLLOWERS in group for group in groups])
        there = all([group.get(FOLLOWERS) is self._numbers for group in groups])
        return there and self._numbers == self._last

    def restart(self, state: Any) -> None:
        """Begin anew with the parameters that the next step finds."""
        self._opt.restart_averages()
        for p, entry in list(state.items()):
            for name in self.names.values():
                entry.pop(name, None)
            if not entry:
                del state[p]
