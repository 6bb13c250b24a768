"""Freeze, unfreeze, add and remove parameters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from fastopt.arrays import Path, entry
from fastopt.followers import PORTIONS, REMEDY, portions_among
from fastopt.model import (
    ALGORITHM,
    Given,
    Group,
    Named,
    Parameters,
    Which,
    chosen,
    leaves_like,
    make,
    regroup,
    still_meant,
    warn_if_ended,
)
from fastopt.runtime import describe
from fastopt.step.binding import changed, install, make_groups, planned
from fastopt.step.bound import Bound, Core
from fastopt.step.living import moved
from fastopt.step.sharing import check_in_place

_BUSY = "is being given other parameters"
NOTHING: Mapping[int, int] = MappingProxyType({})


def frozen(bound: Bound) -> list[str]:
    """List the names of the parameters that take part in no step."""
    return [name for name, out in zip(bound.parameters.names, bound.frozen, strict=True) if out]


def freeze(core: Core, which: Which, value: bool) -> list[str]:
    """Freeze parameters or unfreeze them; list the names that a pattern means."""
    if core.gate.closed:
        raise core.gate.busy()
    parameters = core.bound.parameters
    meant = chosen(which, parameters.names, parameters.arrays, "freeze" if value else "unfreeze")
    found = [name for name, m in zip(parameters.names, meant, strict=True) if m]
    leave = core.gate.enter_to_change()
    try:
        bound = core.bound
        now = [value if m else was for m, was in zip(meant, bound.frozen, strict=True)]
        core.bound = changed(bound, frozen=now)
    finally:
        leave()
    return found


def add(core: Core, more: Any, options: Mapping[str, Any]) -> None:
    """Put parameters into the caller's container, and bind what it holds then."""
    options, portions = _divided(options)
    for name, value in options.items():
        line = f"opt.add_params(..., {name}={{}})".format
        warn_if_ended(name, value, core.bound.progress.steps, line)
    enter(core)
    try:
        bound = core.bound
        before = set(bound.parameters.places.names)
        undo = _put(bound.params, more, options, bound.parameters.grouped)
        try:
            grouping = dict(bound.grouping or {})
            if options and not bound.parameters.grouped:
                fresh = _fresh(bound).places.names
                grouping[Named([name for name in fresh if name not in before])] = options
            leaves = {k: leaves_like(more, tree, k, REMEDY) for k, tree in portions.items()}
            bind_anew(core, grouping or None, grown=True, portions=leaves)
        except BaseException:
            undo()
            raise
    finally:
        core.gate.leave()


def _divided(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a group, and portions of steps that are given beside them."""
    given = {
        name: value for name, value in options.items() if value is not None or name not in PORTIONS
    }
    portions = {name: given.pop(name) for name in PORTIONS if name in given}
    return given, portions


def remove(core: Core, which: Which) -> list[str]:
    """Remove parameters from the caller's container, and bind what it holds then; list their names."""
    enter(core)
    try:
        bound = core.bound
        parameters = bound.parameters
        meant = chosen(which, parameters.names, parameters.arrays, "remove_params")
        if all(meant):
            raise ValueError(
                "the pattern of remove_params matches every parameter; at least one must remain"
            )
        names = [name for name, m in zip(parameters.names, meant, strict=True) if m]
        places = parameters.places
        paths = [path for path, i in zip(places.paths, places.owners, strict=True) if meant[i]]
        undo = _take_out(bound.params, paths)
        try:
            bind_anew(core, _still_meant(bound))
        except BaseException:
            undo()
            raise
        return names
    finally:
        core.gate.leave()


def enter(core: Core) -> None:
    """Go inside, to change which arrays there are."""
    bound = core.bound
    if bound.settings["cast_to"] is not None:
        raise ValueError("cast_to has an array for each parameter: make a new optimizer")
    if bound.sums is not None and bound.sums.count:
        raise ValueError(
            "gradients have been accumulated: change parameters after their step; opt.flush() takes it"
        )
    core.gate.enter(_BUSY)


def bind_anew(
    core: Core,
    grouping: Mapping[Which, Any] | None,
    bound: Bound | None = None,
    replaced: Mapping[int, int] = NOTHING,
    grown: bool = False,
    portions: Mapping[str, Sequence[Any]] = MappingProxyType({}),
) -> None:
    """Bind what the containers hold now; parameters that were there keep all that they had.

    `bound` is what they had, where that is not what the optimizer is bound to; `replaced` are the
    numbers of those that others have taken the places of, by the identities of these. Where they have
    `grown`, all are still there, and are not looked at again.
    """
    bound = core.bound if bound is None else bound
    known = bound.parameters if grown else None
    kinds, tied = bound.kind.hyperparameters, bound.settings["tied"]
    parameters = Parameters(bound.params, kinds, grouping, known, tied)
    check_in_place(parameters)
    old = {id(p): i for i, p in enumerate(bound.parameters.arrays)} | dict(replaced)
    was = [old.get(id(p)) for p in parameters.arrays]
    more = [k for k, i in enumerate(was) if i is None] if parameters.grown else None
    groups, changes = make_groups(core.gate, bound, parameters), []
    for group, given in _kept(bound, parameters, groups, was).items():
        groups[group].check(given)  # what has joined may have another dtype
        changes += groups[group].changes(given)
    make(changes)
    # Of those that are alike one: a step computes the scalars of each.
    before = [None if i is None else bound.count_of[i] for i in was]
    counts, count_of = regroup(bound.counts, before, groups, parameters.group_of)
    coming = {name: _of_new(parameters, was, each, name) for name, each in portions.items()}
    found_portions = portions_among(bound.portions, parameters, was, coming)
    leaves = {} if found_portions is None else found_portions.given
    trees = {name: parameters.tree(leaves[name]) if name in leaves else None for name in PORTIONS}
    found = bound.but(
        settings={**bound.settings, **trees},
        portions=found_portions,
        parameters=parameters,
        grouping=grouping,
        groups=groups,
        frozen=[parameters.frozen[k] if i is None else bound.frozen[i] for k, i in enumerate(was)],
        states=[{} if i is None else bound.states[i] for i in was],
        followers=bound.followers.among(parameters.arrays, was),
        counts=counts,
        count_of=count_of,
        sums=None,
        present=None,
    )
    install(core, planned(found, more), [(bound.progress, "wild", frozenset()), *moved()])


def _kept(
    bound: Bound, parameters: Parameters, groups: Sequence[Group], was: list[int | None]
) -> dict[int, Given]:
    """Return what groups have been given, by the numbers of those that they go on as."""
    now_and_before = zip(parameters.group_of, was, strict=True)
    pairs = [(group, bound.parameters.group_of[i]) for group, i in now_and_before if i is not None]
    for group, old in set(pairs):
        before, now = bound.groups[old], groups[group]
        if now.kind is not before.kind:  # by the caller's list of groups, or a function in groups=
            raise ValueError(
                f"group {old} has the algorithm {before.algorithm}, and {now.algorithm} is asked for "
                f"now: {ALGORITHM}"
            )
    return {group: bound.groups[old].current for group, old in dict(pairs).items()}


def _put(params: Any, more: Any, options: Mapping[str, Any], grouped: bool) -> Callable[[], None]:
    """Put parameters into the caller's container; return what undoes it."""
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
    """Remove arrays from the caller's containers; return what undoes it."""
    parents: dict[int, tuple[Any, list[Any]]] = {}
    for path in paths:
        parent = params
        for key in path[:-1]:
            parent = entry(parent, key)
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


def _of_new(
    parameters: Parameters, was: Sequence[int | None], leaves: Sequence[Any], what: str
) -> list[Any]:
    """Return of the leaves of what is added, which stands last, those of new parameters."""
    places = parameters.places
    padded = [*[None] * (len(places.arrays) - len(leaves)), *leaves]
    return [leaf for leaf, i in zip(places.alone(padded, what), was, strict=True) if i is None]


def _fresh(bound: Bound) -> Parameters:
    """Read the containers as they are now, without groups."""
    return Parameters(bound.params, bound.kind.hyperparameters, tied=bound.settings["tied"])


def _still_meant(bound: Bound) -> Mapping[Which, Any] | None:
    """Leave out the patterns that match no parameter any more."""
    if bound.grouping is None:
        return None
    places = _fresh(bound).places
    left = [
        (still_meant(which, places.names, places.arrays), given)
        for which, given in bound.grouping.items()
    ]
    return {which: given for which, given in left if which is not None} or None
