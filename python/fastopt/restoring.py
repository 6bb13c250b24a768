"""A state put back into an optimizer: all of it is checked before anything changes."""

from collections.abc import Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.accumulation import Accumulator
from fastopt.cohorts import Cohort
from fastopt.config import made, plain
from fastopt.groups import Given, Group
from fastopt.hyperparameters import Choice, describe, whole
from fastopt.loss_scaling import LossScale
from fastopt.memory import state_beside
from fastopt.rules import rule_of
from fastopt.snapshot import ACCUMULATED, is_stateful, parts
from fastopt.warning import warn

if TYPE_CHECKING:
    from fastopt.core import Core

MOST_STEPS = 2**53  # which a double counts exactly
Array = NDArray[Any]


class Differences(NamedTuple):
    """What a state and an optimizer do not have in common; empty lists unless ``strict=False``."""

    missing: list[str]  # parameters and arrays of the optimizer that the state does not have
    unexpected: list[str]  # what the state has besides


class Restoration:
    """A state that has been checked against an optimizer, and what is to be done with it."""

    def __init__(
        self, opt: "Core", state: Any, strict: bool, hyperparameters: bool, adopt: bool = False
    ) -> None:
        """Check everything; raise TypeError or ValueError for a state that does not fit.

        `adopt` says that nobody else has the arrays, which lie where states lie: they become states.
        """
        self.differences = Differences([], [])
        self._opt = opt
        self._adopt = adopt
        self._state = _checked_form(state)
        name = type(opt).__name__
        if self._state["optimizer"] != name:
            raise ValueError(
                f"this is the state of {self._state['optimizer']}, and this optimizer is {name}; make "
                f"a fastopt.{self._state['optimizer']} for it"
            )
        self._steps = _count(self._state["steps"], "the number of steps")
        self._skipped = _count(self._state["skipped"], "the number of steps left out")
        self._accumulated = _count(self._state["accumulated"], "the number of added gradients")
        self._check_names(strict)
        for key, follower in opt._pipeline.followers().items():
            if key in self._state["followers"]:
                copy(follower).restore(self._state["followers"][key])  # to see whether it can
        self._groups = self._check_groups() if hyperparameters else None
        self._settings = self._check_settings() if hyperparameters else {}
        scale = LossScale(self._settings.get("loss_scale", opt._settings["loss_scale"]))
        self._scale = scale.restored(self._state["loss_scale"])
        self._cohorts, self._cohort_of, self._frozen = self._check_parameters()
        self._arrays = [self._check_arrays(i) for i in range(len(opt._parameters.names))]
        if strict and any(self.differences):
            raise ValueError(_complaint(self.differences))

    def _check_groups(self) -> list[tuple[Given, list[tuple[Any, Any]]]]:
        """Give each group's hyperparameters, and the schedules among them with their states."""
        opt, given = self._opt, self._state["groups"]
        both = self._state["parameters"].keys() & set(opt._parameters.names)
        theirs = [sorted(both & set(group["names"])) for group in given]
        mine = [sorted(both & set(names)) for names in opt._parameters.names_of_groups()]
        if mine != theirs:
            raise ValueError(
                f"the state has the parameters in the groups {theirs}, the optimizer in {mine}; "
                "hyperparameters=False takes the state without hyperparameters"
            )
        found = []
        for group, saved in zip(opt.groups, given, strict=True):
            values = {
                name: _kept(group, name, value) for name, value in saved["hyperparameters"].items()
            }
            checked = group.with_values(values, self._steps)
            schedules = []
            for name, states in saved["schedules"].items():
                for schedule, state in zip(parts(checked.values[name]), states, strict=True):
                    if is_stateful(schedule):
                        made(schedule.get_config()).load_state_dict(state)  # to see whether it is one
                        schedules.append((schedule, state))
            found.append((checked, schedules))
        return found

    def _check_settings(self) -> dict[str, Any]:
        """Give the settings that can change."""
        declared, found = type(self._opt).declared, {}
        for name, value in self._state["settings"].items():
            if name not in declared:
                raise ValueError(
                    f"the state has the setting {name!r}, which this version does not know"
                )
            if not declared[name].fixed and not _is_mark(value):
                found[name] = declared[name].check(made(value), name)
        return {
            **{name: each.default for name, each in declared.items() if not each.fixed},
            **found,
        }

    def _check_names(self, strict: bool) -> None:
        mine, theirs = self._opt._parameters.names, self._state["parameters"]
        self.differences.missing.extend(name for name in mine if name not in theirs)
        self.differences.unexpected.extend(name for name in theirs if name not in mine)
        if strict and any(self.differences):
            raise ValueError(_complaint(self.differences))

    def _check_parameters(self) -> tuple[list[Cohort], list[int], list[bool]]:
        opt = self._opt
        cohorts: dict[Any, int] = {}
        found: list[Cohort] = []
        cohort_of, frozen = [], list(opt._frozen)
        for i, name in enumerate(opt._parameters.names):
            group = opt.groups[opt._parameters.group_of[i]]
            entry = self._state["parameters"].get(name)
            before = opt._cohorts[opt._cohort_of[i]]
            steps, carried = before.t, dict(before.carried)
            if entry is not None:
                steps = _count(entry["steps"], f"the number of steps of {name!r}")
                carried = self._check_carried(entry["carried"], name)
                frozen[i] = _flag(entry["frozen"], f"frozen of {name!r}")
            key = (id(group), steps, *carried.items())
            if key not in cohorts:
                cohorts[key] = len(found)
                found.append(Cohort(group, steps, carried))
            cohort_of.append(cohorts[key])
        return found, cohort_of, frozen

    def _check_carried(self, given: Mapping[str, Any], name: str) -> dict[str, float]:
        declared = type(self._opt).carried
        if set(given) != set(declared):
            raise ValueError(f"the state of {name!r} carries {sorted(given)}, not {sorted(declared)}")
        return {key: declared[key].check(given[key], f"{key} of {name!r}") for key in declared}

    def _check_arrays(self, i: int) -> dict[str, Array]:
        """Give the arrays of a parameter, each as it fits to be a state."""
        opt = self._opt
        name, p = opt._parameters.names[i], opt._parameters.arrays[i]
        entry = self._state["parameters"].get(name)
        if entry is None:
            return {}
        group = opt._parameters.group_of[i]
        h = opt.groups[group].h if self._groups is None else self._groups[group][0].h
        needed = list(rule_of(opt.select_rule(h)).states) if entry["steps"] else []
        needed += [f"*{key}" for key in opt._pipeline.followers()]
        given = entry["arrays"]
        known = {*needed, *opt._states[i], ACCUMULATED}
        self.differences.missing.extend(f"{key} of {name}" for key in needed if key not in given)
        self.differences.unexpected.extend(
            f"{key} of {name}" for key in given if key.startswith("*") and key not in known
        )
        return {
            key: _fitting(array, f"{key.lstrip('*')} of {name!r}", p, number, self._adopt)
            for number, (key, array) in enumerate(given.items())
            if key in known or not key.startswith("*")
        }

    def commit(self, params: Mapping[str, Array] = MappingProxyType({})) -> None:
        """Put it into the optimizer, and values into its parameters, by name.

        What can fail for want of memory comes first.
        """
        opt = self._opt
        states = [self._new_states(i) for i in range(len(opt._parameters.names))]
        accumulator = opt._accumulator
        if self._accumulated and accumulator is None:
            accumulator = Accumulator(opt._parameters, opt.backend)
        before = opt._states, opt._cohorts, opt._cohort_of, [group.current for group in opt.groups]
        try:
            if self._groups is not None:
                for group, (given, _) in zip(opt.groups, self._groups, strict=True):
                    group.set(given)
            opt._states, opt._cohorts, opt._cohort_of = states, self._cohorts, self._cohort_of
            opt._plan = opt._make_plan()
        except BaseException:
            opt._states, opt._cohorts, opt._cohort_of, hyperparameters = before
            for group, was in zip(opt.groups, hyperparameters, strict=True):
                group.set(was)
            raise
        self._commit_rest(accumulator)
        for name, p in zip(opt._parameters.names, opt._parameters.arrays, strict=True):
            if name in params:
                np.copyto(p, params[name])
        opt._pipeline.write_copies()

    def _new_states(self, i: int) -> dict[str, Array]:
        """Give the states of a parameter; those that it begins with are made with the plan."""
        entry = self._state["parameters"].get(self._opt._parameters.names[i])
        kept = self._opt._states[i] if entry is None or entry["steps"] else {}
        return {**kept, **{k: a for k, a in self._arrays[i].items() if not k.startswith("*")}}

    def _commit_rest(self, accumulator: Accumulator | None) -> None:
        opt = self._opt
        opt._taken.steps, opt._pipeline.skipped = self._steps, self._skipped
        opt._pipeline.scale, opt._frozen, opt._present = self._scale, self._frozen, None
        opt._pipeline.grad_norm = opt._pipeline.report = None
        opt._settings.update(self._settings)
        for _, schedules in self._groups or ():
            for schedule, state in schedules:
                schedule.load_state_dict(state)
        for key, each in opt._pipeline.followers().items():
            for array, new in zip(each.arrays, self._arrays, strict=True):
                if f"*{key}" in new:
                    np.copyto(array, new[f"*{key}"])
            if key in self._state["followers"]:
                each.restore(self._state["followers"][key])
        opt._accumulator = accumulator
        if accumulator is not None:
            accumulator.zero()
            accumulator.count = self._accumulated
            for i, new in enumerate(self._arrays):
                if ACCUMULATED in new:
                    np.copyto(accumulator.sums[i], new[ACCUMULATED])
                    accumulator.present[i] = True
        opt._follow_changes()


def _checked_form(state: Any) -> Mapping[str, Any]:
    keys = {
        "optimizer", "steps", "skipped", "groups", "settings", "loss_scale", "followers",
        "accumulated", "parameters",
    }  # fmt: skip
    if not isinstance(state, Mapping) or not keys <= set(state):
        raise TypeError(
            f"a state is what state_dict() gives; this is {describe(state)}. The state of another "
            "framework is taken by fastopt.convert"
        )
    return state


def _count(value: Any, what: str) -> int:
    return whole(value, what, 0, MOST_STEPS)


def _flag(value: Any, what: str) -> bool:
    return bool(Choice(False, (True, False)).check(value, what))


def _is_mark(value: Any) -> bool:
    return isinstance(value, Mapping) and "function" in value


def _kept(group: Group, name: str, saved: Any) -> Any:
    """Give a saved value, or what the group has now where that is the same schedule or a function."""
    if name == "multiply":
        return saved
    now = group.given.get(name)
    if isinstance(saved, (list, tuple)) and isinstance(now, tuple) and len(saved) == len(now):
        return tuple(_same(mine, theirs, name) for mine, theirs in zip(now, saved, strict=True))
    if isinstance(saved, (list, tuple)):
        return tuple(_same(None, theirs, name) for theirs in saved)
    return _same(now, saved, name)


def _same(now: Any, saved: Any, name: str) -> Any:
    if _is_mark(saved):
        if not callable(now):
            raise ValueError(
                f"{name} was a function ({saved['function']}), which no state can hold: give the same "
                f"one again, {name}=..., before loading, or load with hyperparameters=False"
            )
        return now
    return now if callable(now) and plain(now, name, marks=True) == saved else made(saved)


def _fitting(array: Any, what: str, p: Array, number: int, adopt: bool) -> Array:
    """Give an array in the memory of a state; raise for one of another dtype or shape."""
    found = np.asarray(array)
    if found.dtype != p.dtype or found.shape != p.shape:
        raise ValueError(
            f"{what} is {found.dtype} of shape {found.shape}; its parameter is {p.dtype} of shape "
            f"{p.shape}, and nothing is cast or cut"
        )
    if not _is_finite(found):
        warn(f"{what} has entries that are not finite: that run had diverged")
    return found if adopt else state_beside(p, found, number)


def _is_finite(array: Array) -> bool:
    flat = (array if array.flags.c_contiguous else array.T).reshape(-1)
    with np.errstate(all="ignore"):  # one that is too large to be squared is looked at again
        return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(flat).all())


def _complaint(differences: Differences) -> str:
    def listed(names: Sequence[str]) -> str:
        return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")

    words = [
        f"{what} {listed(names)}"
        for what, names in (
            ("it lacks", differences.missing),
            ("it has besides", differences.unexpected),
        )
        if names
    ]
    return (
        f"the state is not that of these parameters: {'; '.join(words)}. strict=False takes what fits"
    )
