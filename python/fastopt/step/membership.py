"""Which parameters take part: freezing some for a time, adding and removing others."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastopt.arrays.allocation import Room
from fastopt.arrays.read_only import read_only_list
from fastopt.arrays.structure import Path
from fastopt.model.attributes import remedy_for
from fastopt.model.commit import make
from fastopt.model.ended_schedules import warn_if_ended
from fastopt.model.gate import hold
from fastopt.model.groups import Group
from fastopt.model.living import enter
from fastopt.model.parameters import Parameters
from fastopt.model.patterns import Named, Which, chosen
from fastopt.model.sharing import check_in_place
from fastopt.model.step_counts import Cohort, divide
from fastopt.runtime.arguments import describe
from fastopt.step.core import Core
from fastopt.step.unseen import watches

_BUSY = "is being given other parameters"
_REBOUND = (
    *("_parameters", "_grouping", "groups", "_frozen", "_states", "_cohorts", "_cohort_of"),
    *("_accumulator", "_present", "_plan", "_planned_rules", "_hold"),
)


class Roster(Core):
    """What an optimizer has to change who takes part."""

    @property
    def frozen(self) -> list[str]:
        """The names of the parameters that sit out all steps."""
        names = [name for name, out in zip(self._parameters.names, self._frozen, strict=True) if out]
        return read_only_list(names, remedy_for(self, "frozen"), "opt.frozen")

    def freeze(self, which: Which) -> list[str]:
        """Let parameters sit out all steps, whatever their gradients: no update, no decay, no count.

        `which` is a pattern of names such as ``"embed.*"``, or a function of name and array. Gives back
        the names that it means; ValueError if there are none.
        """
        return self._set_frozen(which, True)

    def unfreeze(self, which: Which) -> list[str]:
        """Let frozen parameters take part again, with the state that they had; as `freeze`."""
        return self._set_frozen(which, False)

    def _set_frozen(self, which: Which, value: bool) -> list[str]:
        self._check_open()
        names = self._parameters.names
        meant = chosen(which, names, self._parameters.arrays, "freeze" if value else "unfreeze")
        found = [name for name, m in zip(names, meant, strict=True) if m]
        held = hold(self._taken)
        before = self._frozen
        try:
            self._frozen = [value if m else was for m, was in zip(meant, before, strict=True)]
            self._choose_way()
        except BaseException:
            self._frozen = before
            raise
        finally:
            held.append(True)
        return found

    def add_params(self, more: Any, **options: Any) -> None:
        """Take more parameters, and put them into the container that was given as params.

        ::

            opt.add_params({"head": {"w": w, "b": b}}, lr=1e-4)

        Parameters
        ----------
        more : dict, array, or list of arrays
            A dict with new keys where params is a dict; arrays where it is a list; where it is a list
            of groups, the ``"params"`` of a new group.
        **options
            Options of a group of their own, as in ``groups=``; else they join those that the others
            are in.

        Raises
        ------
        TypeError, ValueError
            For arrays that cannot be updated, names that are taken, a tuple, which cannot grow; where
            ``cast_to=`` has been given, or gradients have been accumulated. Nothing has changed then.
        RuntimeError
            Inside of a step.
        """
        for name, value in options.items():
            line = f"opt.add_params(..., {name}={{}})".format
            warn_if_ended(name, value, self._taken.steps, line)
        with self._changing():
            hooks, watching = list(self._after), watches()
            before = set(map(id, self._parameters.arrays))
            undo = _put(self._params, more, options, self._parameters.grouped)
            try:
                grouping = dict(self._grouping or {})
                if options and not self._parameters.grouped:
                    fresh = Parameters(self._params, self.hyperparameters)
                    named = zip(fresh.names, fresh.arrays, strict=True)
                    grouping[Named([n for n, p in named if id(p) not in before])] = options
                self._after.extend(watching)
                self._rebuild(grouping or None)
            except BaseException:
                undo()
                self._after[:] = hooks
                raise

    def remove_params(self, which: Which) -> list[str]:
        """Let go of parameters and their states, and take them out of the container they were in.

        `which` is as of `freeze`. Gives back the names. Raises as `add_params`, and ValueError where
        nobody would be left.
        """
        with self._changing():
            parameters = self._parameters
            meant = chosen(which, parameters.names, parameters.arrays, "remove_params")
            if all(meant):
                raise ValueError("remove_params means all parameters, and nobody would be left")
            names = [name for name, m in zip(parameters.names, meant, strict=True) if m]
            undo = _take_out(
                self._params, [p for p, m in zip(parameters.paths, meant, strict=True) if m]
            )
            try:
                self._rebuild(_still_meant(self._grouping, self._params, self.hyperparameters))
            except BaseException:
                undo()
                raise
            return names

    @contextmanager
    def _changing(self) -> Iterator[None]:
        if self._settings["cast_to"] is not None:
            raise ValueError("cast_to has an array for each parameter: make a new optimizer")
        if self._accumulator is not None and self._accumulator.count:
            raise ValueError(
                "gradients have been accumulated: change parameters after their step; opt.flush() "
                "takes it"
            )
        self._begin(_BUSY)
        try:
            yield
        finally:
            self._end()

    def _rebuild(self, grouping: Mapping[Which, Any] | None) -> None:
        """Bind what the containers hold now; who was there keeps all that it had."""
        parameters = Parameters(self._params, self.hyperparameters, grouping)
        check_in_place(parameters)
        old = {id(p): i for i, p in enumerate(self._parameters.arrays)}
        was = [old.get(id(p)) for p in parameters.arrays]
        groups = self._regrouped(parameters, was)
        cohorts: list[Cohort] = []
        for group, i in zip(parameters.group_of, was, strict=True):
            cohort = None if i is None else self._cohorts[self._cohort_of[i]]
            steps = 0 if cohort is None else cohort.t
            carried = self.initial_carried() if cohort is None else dict(cohort.carried)
            cohorts.append(Cohort(groups[group], steps, carried))
        # Of those that are alike one: a step computes the scalars of each.
        cohorts, cohort_of = divide(cohorts, range(len(cohorts)), [True] * len(cohorts))
        kept = {name: getattr(self, name) for name in _REBOUND}
        room = Room()
        followers = [(each, dict(vars(each))) for each in self._pipeline.followers().values()]
        try:
            for each, _ in followers:
                make(each.among(parameters.arrays, was, room))
            frozen = self._frozen
            self._frozen = [parameters.frozen[k] if i is None else frozen[i] for k, i in enumerate(was)]
            self._states = [{} if i is None else self._states[i] for i in was]
            self._parameters, self._grouping = parameters, grouping
            object.__setattr__(self, "groups", groups)
            self._pipeline.rebind(parameters)
            enter(self)
            self._cohorts, self._cohort_of = cohorts, cohort_of
            self._accumulator, self._present = None, None
            self._plan = self._make_plan()
            self._follow_changes()
        except BaseException:
            for each, values in followers:
                vars(each).update(values)
            for name, value in kept.items():
                object.__setattr__(self, name, value)
            self._pipeline.rebind(self._parameters)
            self._news.changed = True  # what follows from them is found out anew by the next step
            raise

    def _regrouped(self, parameters: Parameters, was: list[int | None]) -> list[Group]:
        """Make the groups; those of parameters that were there keep their hyperparameters."""
        groups = self._make_groups(parameters)
        pairs = zip(parameters.group_of, was, strict=True)
        before = {group: self._parameters.group_of[i] for group, i in pairs if i is not None}
        for group, old in before.items():
            current = self.groups[old].current
            groups[group].check(current)  # what has joined may have another dtype
            groups[group].set(current)
        return groups


def _put(params: Any, more: Any, options: Mapping[str, Any], grouped: bool) -> Callable[[], None]:
    """Put parameters into the caller's container; give back what undoes it."""
    if isinstance(params, dict):
        if not isinstance(more, Mapping):
            raise TypeError(f"params is a dict; what is added is {describe(more)}, and must be one too")
        taken = [key for key in more if key in params]
        if taken:
            raise ValueError(f"params has {taken[0]!r} already; remove_params takes it out")
        params.update(more)
        return lambda: _delete(params, list(more))
    if not isinstance(params, list):
        raise TypeError(
            f"params is of type {type(params).__name__}, to which nothing can be added: give a list or "
            "a dict when the optimizer is made"
        )
    length = len(params)
    if grouped:
        params.append({"params": more, **options})
    else:
        params.extend([more] if isinstance(more, np.ndarray) else more)
    return lambda: params.__delitem__(slice(length, None))


def _delete(params: dict[Any, Any], keys: Iterable[Any]) -> None:
    for key in keys:
        del params[key]


def _take_out(params: Any, paths: list[Path]) -> Callable[[], None]:
    """Take arrays out of the caller's containers; give back what undoes it."""
    parents: dict[int, tuple[Any, list[Any]]] = {}
    for path in paths:
        parent = params
        for key in path[:-1]:
            parent = parent[key]
        if not (path and isinstance(parent, (dict, list))):
            raise TypeError(
                f"parameters cannot be taken out of a {type(parent).__name__}: give lists or dicts "
                "when the optimizer is made"
            )
        parents.setdefault(id(parent), (parent, []))[1].append(path[-1])
    before = [(parent, parent.copy()) for parent, _ in parents.values()]
    outgoing = [(parent, set(keys)) for parent, keys in parents.values()]

    def undo() -> None:
        for parent, was in before:
            parent.clear()
            parent.update(was) if isinstance(parent, dict) else parent.extend(was)

    for parent, keys in outgoing:
        if isinstance(parent, list):
            parent[:] = [each for i, each in enumerate(parent) if i not in keys]
        else:
            _delete(parent, keys)
    return undo


def _still_meant(
    grouping: Mapping[Which, Any] | None, params: Any, hyperparameters: Any
) -> Mapping[Which, Any] | None:
    """Drop the patterns that mean nobody any more."""
    if grouping is None:
        return None
    fresh = Parameters(params, hyperparameters)
    return {which: given for which, given in grouping.items() if fresh.has(which)} or None
