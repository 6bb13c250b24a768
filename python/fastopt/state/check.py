"""A state that has been checked against an optimizer: all that can be wrong with it is said here."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from fastopt.algorithm import (
    ARRAYS,
    FLAG,
    NOT_NEGATIVE,
    Option,
    Rule,
    Values,
    check_settings,
    check_together,
    renamed,
)
from fastopt.arrays import Form, check_fit, check_kind
from fastopt.model import StepCount, Storages, forms_of, names_of, own_count, stands_beside, storages
from fastopt.numerics import is_low, kept
from fastopt.runtime import count
from fastopt.state.capture import ACCUMULATED
from fastopt.state.check_groups import GroupRestoration, checked_groups
from fastopt.state.config import made, plain
from fastopt.state.form import Differences, check_form, check_list, is_mark
from fastopt.state.selection import misfits
from fastopt.step import Bound, LossScale

_NONE: Mapping[str, Any] = MappingProxyType({})


class CheckedState:
    """A state that fits an optimizer; nothing has been changed, and nothing is copied.

    Attributes
    ----------
    differences : Differences
    steps, skipped, skipped_in_a_row, accumulated : int
    accumulated_weight : float
    groups : list of GroupRestoration, or None where hyperparameters are not taken
    settings : dict of what changes
    scale : LossScale
    carried : dict of scalars, by the names of algorithms that measure all parameters together
    followers : dict of scalars, by the names of the followers
    fresh : dict of lists of numbers of parameters, likewise
    counts : list of StepCount
    count_of, frozen, entries, arrays : lists, one entry for each parameter
        In `entries` its part of the state, or None; in `arrays` what is taken of that, by key, with
        the dtype and the shape of the parameter.
    """

    def __init__(
        self,
        bound: Bound,
        state: Any,
        strict: bool,
        hyperparameters: bool,
        *,
        described: bool = False,
        skipped: Collection[str] = (),
        params: Mapping[str, Any] = _NONE,
        call: str = "opt.load_state_dict(state, {})",
    ) -> None:
        """Check everything; raise TypeError or ValueError for a state that does not fit.

        Where they are `described`, the state has in place of its arrays the dtype and shape of each,
        and so have the `params` that are loaded. Of those `skipped` it has none, which is no
        difference. Remedies in messages are the `call` by which the state is loaded, with an option.
        """
        check_form(state)
        name = bound.kind.__name__
        if state["optimizer"] != name:
            raise ValueError(
                f"this is the state of {state['optimizer']}, and this optimizer is {name}: give it to "
                f"one that is made with {state['optimizer']}(...)"
            )
        self._bound, self._state, self._strict, self._described = bound, state, strict, described
        self._call = call.format
        self._followers = bound.followers.by_key()
        self.differences = Differences([], [])
        self._check_names(skipped)
        self._leave_out_misfits(params)
        self._check_algorithms()
        self.steps = count(state["steps"], "the number of steps")
        self.skipped = count(state["skipped"], "the number of steps left out")
        row = state.get("skipped_in_a_row", 0)  # 0.1 has not written it
        self.skipped_in_a_row = count(row, "the number of steps left out in a row")
        self.groups = self._check_groups() if hyperparameters else None
        self.settings = self._check_settings() if hyperparameters else {}
        self.scale = self._check_scale()
        self.carried = self._check_carried_by_all()
        self.accumulated = self._check_accumulated()
        self.accumulated_weight = self._check_weight()
        self.followers = self._check_followers()
        given = [each.given for each in self.groups or ()] or [each.current for each in bound.groups]
        self.h: list[Values] = [each.h for each in given]
        self._rules: list[Rule] = [
            group.kind.rule_for(h) for group, h in zip(bound.groups, self.h, strict=True)
        ]
        settings = {**bound.settings, **self.settings}
        check_together(settings, any([each.clips for each in given]))
        check_settings(settings, self.h, bound.parameters.singles)
        self.entries = [self._state["parameters"].get(name) for name in bound.parameters.names]
        self.counts, self.count_of = self._check_steps()
        self.frozen = self._check_frozen() if hyperparameters else list(bound.frozen)
        self.arrays = [self._check_arrays(i, params) for i in range(len(self.entries))]
        self.fresh = {key: self._check_fresh(key) for key in self._followers}
        self._complain()

    def forms(self, i: int) -> Mapping[str, Form]:
        """Return the forms of the states of a parameter that have not its own."""
        return forms_of(*self._asked(i))

    def storages(self, i: int) -> Storages:
        """Return how a parameter and its states are stored."""
        return storages(*self._asked(i))

    def _asked(self, i: int) -> tuple[Any, ...]:
        number, p = self._bound.parameters.group_of[i], self._bound.parameters.arrays[i]
        kind = self._bound.groups[number].kind
        return kind, self.h[number], self._rules[number], self._bound.settings, p

    def needed(self, i: int) -> list[str]:
        """Return the states that a parameter has."""
        return names_of(self._rules[self._bound.parameters.group_of[i]], self.forms(i))

    def _complain(self) -> None:
        if self._strict and any(self.differences):
            raise ValueError(self.differences.complaint(self._call("{}")))

    def _check_names(self, skipped: Collection[str]) -> None:
        mine, theirs = dict.fromkeys(self._bound.parameters.names), self._state["parameters"]
        self.differences.missing.extend(n for n in mine if n not in theirs and n not in skipped)
        self.differences.unexpected.extend(name for name in theirs if name not in mine)
        self._complain()

    def _leave_out_misfits(self, params: Mapping[str, Any]) -> None:
        """Leave out parameters that have another shape or dtype here, unless strict."""
        if self._strict:
            return
        bound = self._bound
        groups = [bound.groups[number] for number in bound.parameters.group_of]
        forms = [
            forms_of(group.kind, group.h, group.kind.rule_for(group.h), bound.settings, p)
            for group, p in zip(groups, bound.parameters.arrays, strict=True)
        ]
        others = misfits(self._state["parameters"], bound.parameters, params, forms)
        self.differences.missing.extend(others)
        self.differences.unexpected.extend(others.values())
        left = {name: each for name, each in self._state["parameters"].items() if name not in others}
        self._state = {**self._state, "parameters": left}

    def _check_algorithms(self) -> None:
        """Raise ValueError for a parameter whose states are those of another algorithm than here."""
        bound, own = self._bound, self._state["optimizer"]
        were = {name: g.get("algorithm", own) for g in self._state["groups"] for name in g["names"]}
        for name, number in zip(bound.parameters.names, bound.parameters.group_of, strict=True):
            was, now = were.get(name), bound.groups[number].algorithm
            if name in self._state["parameters"] and was not in (None, now):
                remedy = "without an 'algorithm'" if was == own else f"with {{'algorithm': {was!r}}}"
                raise ValueError(
                    f"the state has {name!r} in a group with the algorithm {was}, and here it is in "
                    f"group {number} with {now}: make an optimizer {remedy} for that group"
                )

    def _check_groups(self) -> list[GroupRestoration]:
        """Check the hyperparameters, as they were for the last step."""
        bound, saved = self._bound, self._state["groups"]
        both = [name for name in bound.parameters.names if name in self._state["parameters"]]
        names, last = bound.parameters.names_of_groups(), max(self.steps - 1, 0)
        return checked_groups(bound.groups, names, saved, both, last, self._call("{}"))

    def _check_settings(self) -> dict[str, Any]:
        """Return the settings that can change; raise where one that cannot is another."""
        declared, now = self._bound.kind.declared, self._bound.settings
        found = {name: each.default for name, each in declared.items() if not each.fixed}
        for name, value in renamed.saved(self._state["settings"]).items():
            if name not in declared:
                raise ValueError(f"the state has the setting {name!r}, unknown to this version")
            if not declared[name].fixed:
                found[name] = declared[name].check(made(value), name)
            elif self._strict:
                self._check_fixed(name, value, now[name])
        for name in declared if self._strict else ():
            if declared[name].fixed and name not in (*ARRAYS, *self._state["settings"]):
                self._check_fixed(name, declared[name].default, now[name])
        return found

    def _check_fixed(self, name: str, was: Any, now: Any) -> None:
        now = plain(now, name, marks=True)
        if now != was and not (is_mark(now) and is_mark(was)):
            raise ValueError(
                f"the state was saved with {name}={was!r}, and this optimizer has {now!r}: make one "
                f"that has the same, or {self._call('strict=False')}, which takes what fits"
            )

    def _check_scale(self) -> LossScale:
        """Return the loss scale; the saved one counts where it is dynamic on both sides."""
        found = LossScale(self.settings.get("loss_scale", self._bound.settings["loss_scale"]))
        if self._state["settings"].get("loss_scale") == "dynamic":
            return found.restored(self._state["loss_scale"])
        return found if self.settings else self._bound.progress.scale

    def _check_accumulated(self) -> int:
        found = count(self._state["accumulated"], "the number of gradients that have been added up")
        most: int = self._bound.settings["gradient_accumulation_steps"]
        if found > most:
            raise ValueError(
                f"the state has {found} gradients added up, and this optimizer takes a step with "
                f"{most}: make it with gradient_accumulation_steps={found}, or more"
            )
        return found

    def _check_weight(self) -> float:
        """Return the sum of the weights; in states of 0.1.0 each gradient counted once."""
        found = self._state.get("accumulated_weight", float(self.accumulated))
        checked = NOT_NEGATIVE.check(found, "the sum of the weights of gradients")
        if bool(checked) != bool(self.accumulated):
            raise ValueError(
                f"the state has {self.accumulated} gradients added up, with weights that sum to "
                f"{checked!r}: one is 0 and the other is not"
            )
        return float(checked)

    def _check_followers(self) -> dict[str, Any]:
        """Return the scalars of those that are on both sides."""
        saved = self._state["followers"]
        found = {key: each for key, each in self._followers.items() if key in saved}
        for key, each in found.items():
            each.restored(saved[key])  # to see whether it can be
        return {key: saved[key] for key in found}

    def _check_steps(self) -> tuple[list[StepCount], list[int]]:
        """Part the parameters by the steps that they have taken."""
        bound = self._bound
        found: list[StepCount] = []
        numbers: dict[Any, int] = {}
        count_of = []
        for i, entry in enumerate(self.entries):
            group, before = bound.groups[bound.parameters.group_of[i]], bound.counts[bound.count_of[i]]
            steps, carried = before.t, dict(before.carried)
            if entry is not None:
                name = bound.parameters.names[i]
                steps = count(entry["steps"], f"the number of steps of {name!r}")
                carried = self._check_carried(entry["carried"], repr(name), group.kind.carried_apart())
            key = (id(group), own_count(group, i), steps, *carried.items())
            if key not in numbers:
                numbers[key] = len(found)
                found.append(StepCount(group, steps, carried))
            count_of.append(numbers[key])
        return found, count_of

    @staticmethod
    def _check_carried(
        given: Mapping[str, Any], name: str, declared: Mapping[str, Option]
    ) -> dict[str, float]:
        if set(given) != set(declared):
            raise ValueError(f"the state of {name} carries {sorted(given)}, not {sorted(declared)}")
        return {key: declared[key].check(given[key], f"{key} of {name}") for key in declared}

    def _check_carried_by_all(self) -> dict[str, dict[str, float]]:
        """Return what is carried for algorithms that measure all; nothing before their first step."""
        kinds = {g.algorithm: g.kind for g in self._bound.groups if g.kind.measures_all}
        saved = {k: v for k, v in self._state.get("carried", {}).items() if k in kinds}
        return {
            name: self._check_carried(each, name, kinds[name].carried) for name, each in saved.items()
        }

    def _check_frozen(self) -> list[bool]:
        names, now = self._bound.parameters.names, self._bound.frozen
        return [
            was if entry is None else bool(FLAG.check(entry["frozen"], f"frozen of {name!r}"))
            for name, entry, was in zip(names, self.entries, now, strict=True)
        ]

    def _check_fresh(self, key: str) -> list[int]:
        """List the arrays of a follower that have not been through a step."""
        follower = self._followers[key]
        now = set(follower.fresh)
        found = []
        for i, (entry, arrays) in enumerate(zip(self.entries, self.arrays, strict=True)):
            if f"*{key}" not in arrays:  # it stays what it is
                fresh = i in now
            elif "fresh" in entry:
                what = f"fresh of {self._bound.parameters.names[i]!r}"
                check_list(entry["fresh"], what)
                fresh = key in entry["fresh"]
            else:
                fresh = follower.is_fresh_at(self.steps, entry["steps"])
            if fresh:
                found.append(i)
        return found

    def _check_arrays(self, i: int, params: Mapping[str, Any]) -> dict[str, Any]:
        bound, entry = self._bound, self.entries[i]
        if entry is None:
            return {}
        name, p, given = bound.parameters.names[i], bound.parameters.arrays[i], entry["arrays"]
        remedy = f"; {self._call(f'skip={name!r}')} leaves it as it is here"
        followers, forms = [f"*{key}" for key in self._followers], self.forms(i)
        # A parameter that has taken no step begins with what its rule begins with.
        needed = [*(self.needed(i) if entry["steps"] else ()), *followers]
        known = {*followers, ACCUMULATED}
        unexpected = [key for key in given if key.startswith("*") and key not in known]
        unexpected += [key for key in given if stands_beside(key) and key not in forms]
        for listed, keys in (
            (self.differences.missing, [key for key in needed if key not in given]),
            (self.differences.unexpected, unexpected),
        ):
            listed.extend(f"{word(key)} of {name}" for key in keys)
        taken = {key: array for key, array in given.items() if key not in unexpected}
        for key, array in taken.items():
            what = f"{word(key)} of {name!r}"
            if not self._described:
                check_kind(array, what)
            check_fit(array, what, p, remedy, forms.get(key))
        if name in params:
            value = Form(p.shape, kept(p.dtype)) if is_low(p.dtype) else None
            check_fit(params[name], f"the value of {name!r}", p, remedy, value)
        return taken


def word(key: str) -> str:
    """Return the name of an array in messages."""
    return {ACCUMULATED: "the sum of gradients"}.get(key, key.lstrip("*"))
