"""Reset states, and put other arrays in the places of parameters: rows that come, go and move."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Arena, checks, entry
from fastopt.followers import Follower
from fastopt.model import Change, Which, chosen, of_new_rows, regroup
from fastopt.numerics import is_low
from fastopt.runtime import describe, suggest
from fastopt.step.binding import install, planned
from fastopt.step.bound import Bound, Core
from fastopt.step.membership import bind_anew, enter

Array = NDArray[Any]


def reset(core: Core, which: Which | None, rows: Any) -> list[str]:
    """Reset states of parameters, or of their rows, to those of a new optimizer; list the names."""
    core.gate.enter("is being reset")
    try:
        bound = core.bound
        bound.check_arrays()
        parameters = bound.parameters
        meant = [True] * len(parameters.arrays)
        if which is not None:
            meant = chosen(which, parameters.names, parameters.arrays, "reset")
        if rows is None:
            states = [{} if m else each for m, each in zip(meant, bound.states, strict=True)]
            before = [None if m else count for m, count in zip(meant, bound.count_of, strict=True)]
            counts, count_of = regroup(bound.counts, before, bound.groups, parameters.group_of)
            changed = bound.but(states=states, counts=counts, count_of=count_of, present=None)
        else:
            room = Arena()
            changed = bound.but(
                states=[
                    _reset(bound, i, rows, room) if m else bound.states[i] for i, m in enumerate(meant)
                ]
            )
        begun = [] if rows is not None else _begun_again(bound, meant)
        install(core, planned(changed), [(bound.progress, "wild", frozenset()), *begun])
        return [name for name, m in zip(parameters.names, meant, strict=True) if m]
    finally:
        core.gate.leave()


def _begun_again(bound: Bound, meant: Sequence[bool]) -> list[Change]:
    """Forget what is carried for algorithms that measure all, where all their parameters are reset."""
    groups = [bound.groups[group] for group in bound.parameters.group_of]
    kept = {group.algorithm for group, m in zip(groups, meant, strict=True) if not m}
    carried = {name: each for name, each in bound.progress.carried.items() if name in kept}
    return [(bound.progress, "carried", carried)]


def _reset(bound: Bound, i: int, rows: Any, room: Arena) -> dict[str, Array]:
    """Make the states of a parameter whose rows begin anew."""
    p, name = bound.parameters.arrays[i], bound.parameters.names[i]
    if p.ndim == 0:
        raise ValueError(f"{name!r} has no dimension, and so no rows: opt.reset({name!r}) resets it")
    numbers = _numbers(rows, len(p), f"rows of {name!r}")
    _check_shapes(bound, i, f"opt.reset({name!r}) resets all of it")
    found = {}
    for number, (key, state) in enumerate(bound.states[i].items()):
        found[key] = room.like(p, state, number)
        found[key][numbers] = _initial(bound, i, key, p)[numbers]
    return found


def _check_shapes(bound: Bound, i: int, remedy: str) -> None:
    """Raise ValueError for a parameter with states in which its rows cannot be found."""
    group, p = bound.groups[bound.parameters.group_of[i]], bound.parameters.arrays[i]
    if bound.storages and bound.storages[i]:
        raise ValueError(
            f"{bound.parameters.names[i]!r} or its states are stored in few bits, in which rows have "
            f"no place of their own; {remedy}"
        )
    if not group.kind.keeps_rows:
        raise ValueError(
            f"{group.kind.__name__} mixes the rows of {bound.parameters.names[i]!r} in its states, so "
            f"that rows of one are none of the other; {remedy}"
        )
    for key, shape in group.kind.shapes(group.h, p).items():
        if shape != p.shape:
            raise ValueError(
                f"state {key!r} of {bound.parameters.names[i]!r} has shape {shape}, and its parameter "
                f"{p.shape}: rows of one are none of the other; {remedy}"
            )


def _initial(bound: Bound, i: int, key: str, p: Array) -> Array:
    group = bound.groups[bound.parameters.group_of[i]]
    return np.broadcast_to(of_new_rows(group.kind, group.h, key, p), p.shape)


def _numbers(rows: Any, count: int, what: str) -> NDArray[np.intp]:
    """Return the numbers of rows that are given as numbers, a mask or a slice."""
    if not isinstance(rows, slice):
        given = np.asarray(rows)
        if given.dtype.kind not in "biu" and given.size:
            raise TypeError(
                f"{what} are {describe(rows)}; they must be numbers of rows, a mask of bools or a slice"
            )
        if given.dtype.kind == "b" and given.shape != (count,):
            raise ValueError(f"{what} are a mask of shape {given.shape}; it must have shape ({count},)")
        rows = given if given.dtype.kind == "b" else np.atleast_1d(given.astype(np.intp))
    try:
        found: NDArray[np.intp] = np.arange(count)[rows]
        return found
    except IndexError:
        raise ValueError(f"{what} go up to {np.max(rows)}; it has rows 0 to {count - 1}") from None


def replace(core: Core, name: str, new: Array, rows: Any) -> None:
    """Put another array in the place of a parameter, in the caller's container too."""
    enter(core)
    try:
        bound = core.bound
        names = bound.parameters.names
        if name not in names:
            raise ValueError(f"there is no parameter {name!r}: {suggest(name, names)}")
        i = names.index(name)
        old = bound.parameters.arrays[i]
        sources = _sources(name, old, new, rows)
        if bound.portions is not None and bound.portions.named([i]):
            raise ValueError(
                f"{name!r} has a mask or an lr_scale, which do not move with its rows: take it out, "
                f"opt.remove_params({name!r}), and add the new one with its own, "
                "opt.add_params(..., mask=...)"
            )
        places = bound.parameters.places
        news = [places.replaced(k, new) for k in places.of(i)]
        where = [_place(bound, k) for k in places.of(i)]
        there = [parent[key] for parent, key in where]
        try:
            _put(where, [places.arrays[k] for k in places.of(i)])
            bound.check_arrays()
            _put(where, news)
            bind_anew(core, bound.grouping, _moved(bound, i, new, sources), {id(new): i})
        except BaseException:
            _put(where, there)
            raise
    finally:
        core.gate.leave()


def _sources(name: str, old: Array, new: Any, rows: Any) -> NDArray[np.intp]:
    """Return for each row of the new array which of the old ones it was, -1 for none."""
    what = f"what replaces {name!r}"
    checks.check_written(new, what, low=is_low(old.dtype))
    if new.dtype != old.dtype:
        raise TypeError(
            f"{what} has dtype {new.dtype}; it must have dtype {old.dtype}, as its states: "
            f"new.astype(np.{old.dtype})"
        )
    if old.ndim == 0 or new.shape[1:] != old.shape[1:] or new.ndim != old.ndim:
        if new.shape == old.shape and rows is None:
            return np.arange(1)
        raise ValueError(
            f"{what} has shape {new.shape}, and it has shape {old.shape}: rows can come, go and move, "
            "and all else stays; opt.remove_params and opt.add_params begin with new states"
        )
    if rows is None:
        if new.shape != old.shape:
            raise ValueError(
                f"{what} has {len(new)} rows, and it has {len(old)}: say which of them each was, "
                "rows=[0, 1, ...], and -1 for those that are new"
            )
        return np.arange(len(old))
    given = np.asarray(rows)
    if given.shape != (len(new),) or given.dtype.kind not in "iu":
        raise ValueError(
            f"rows are {describe(rows)}; they must be {len(new)} numbers, one for each row of "
            f"{what}: that of the row that it was, or -1"
        )
    if given.size and not -1 <= given.min() <= given.max() < len(old):
        raise ValueError(
            f"rows are numbers from {given.min()} to {given.max()}; they must be those of rows of "
            f"{name!r}, 0 to {len(old) - 1}, or -1 for those that are new"
        )
    return given.astype(np.intp)


def _put(where: Sequence[tuple[Any, Any]], arrays: Sequence[Any]) -> None:
    for (parent, key), array in zip(where, arrays, strict=True):
        parent[key] = array


def _place(bound: Bound, k: int) -> tuple[Any, Any]:
    """Return the container that has a place, and its key there."""
    places = bound.parameters.places
    parent, path = bound.params, places.paths[k]
    for key in path[:-1]:
        parent = entry(parent, key)
    if not (path and isinstance(parent, (dict, list))):
        raise TypeError(
            f"{places.names[k]!r} is in no list or dict, in which another array could take "
            "its place: give params in one when the optimizer is made"
        )
    return parent, path[-1]


def _moved(bound: Bound, i: int, new: Array, sources: NDArray[np.intp]) -> Bound:
    """Bind states and followers of a parameter that have moved with its rows."""
    _check_shapes(bound, i, "opt.remove_params and opt.add_params begin with new ones")
    room, has = Arena(), sources >= 0

    def moved(old: Array, fill: Array, number: int) -> Array:
        found = room.like(new, fill, number)
        if new.ndim == 0:
            found[...] = old
        else:
            found[has] = old[sources[has]]
        return found

    states = list(bound.states)
    states[i] = {
        key: moved(old, _initial(bound, i, key, new), number)
        for number, (key, old) in enumerate(bound.states[i].items())
    }

    def following(each: Follower) -> Follower:
        arrays = list(each.arrays)
        arrays[i] = moved(arrays[i], new, each.number)
        return each.but(arrays=arrays)

    others: Mapping[str, Follower] = {
        key: following(each) for key, each in bound.followers.by_key().items()
    }
    return bound.but(states=states, followers=bound.followers.with_(others))
