"""A state put into an optimizer, when it has been checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import guards
from fastopt.arrays import Arena, flat
from fastopt.followers import Follower
from fastopt.model import Change, initial
from fastopt.runtime import warn
from fastopt.state.capture import ACCUMULATED
from fastopt.state.check import CheckedState, word
from fastopt.step import Accumulator, Bound, Core, install, planned

Array = NDArray[Any]
Arrays = Sequence[Mapping[str, Array]]  # by key, one entry for each parameter
_NONE: Mapping[str, Array] = MappingProxyType({})


def restore(
    core: Core,
    state: CheckedState,
    arrays: Arrays,
    params: Mapping[str, Array] = _NONE,
    adopt: bool = False,
) -> None:
    """Put a state into the optimizer that it was checked against, and values into its parameters.

    All is made beside what there is, and takes its place in one go. `arrays` are what the state's
    arrays are or describe; `params` are by name. With `adopt`, the arrays become the states: nothing
    else has them, and they lie where states lie.
    """
    bound, room = core.bound, Arena()
    bound.check_arrays()
    _warn_of_infinite(bound, arrays)
    followers = {
        key: each.restored(
            state.followers.get(key, each.state()),
            _following(bound, room, each, f"*{key}", arrays),
            state.fresh[key],
        )
        for key, each in bound.followers.by_key().items()
    }
    groups, changes = bound.groups, _progress(bound, state)
    if state.groups is not None:
        pairs = list(zip(bound.groups, state.groups, strict=True))
        groups = [group.draft(each.given) for group, each in pairs]
        changes += [change for group, each in pairs for change in group.changes(each.given)]
    found = planned(
        bound.but(
            groups=groups,
            settings={**bound.settings, **state.settings},
            frozen=state.frozen,
            states=[
                _states(bound, room, state, i, each, params, adopt) for i, each in enumerate(arrays)
            ],
            followers=bound.followers.with_(followers),
            sums=_sums(bound, state, arrays),
            counts=state.counts,
            count_of=state.count_of,
            present=None,
        )
    )
    scheduled = [group for group, each in zip(bound.groups, groups, strict=True) if each.scheduled]
    found = found.but(groups=bound.groups, scheduled=scheduled)
    if not params:
        bound.followers.write_copies(bound.parameters.arrays)
    with _schedules_restored(state):
        install(core, found, changes)
    if params:
        for name, p in zip(bound.parameters.names, bound.parameters.arrays, strict=True):
            if name in params:
                np.copyto(p, params[name])
        bound.followers.write_copies(bound.parameters.arrays)


def _progress(bound: Bound, state: CheckedState) -> list[Change]:
    """List what changes of how far the optimizer has come."""
    progress = bound.progress
    in_a_row = state.skipped_in_a_row if guards({**bound.settings, **state.settings}) else 0
    return [
        (progress, "steps", state.steps),
        (progress, "skips", progress.skips.restored(state.skipped, in_a_row)),
        (progress, "scale", state.scale),
        (progress, "carried", state.carried),
        (progress, "grad_norm", None),
        (progress, "report", None),
    ]


@contextmanager
def _schedules_restored(state: CheckedState) -> Iterator[None]:
    """Put states into schedules that have one; take them out again if what comes then fails."""
    pairs = [pair for each in state.groups or () for pair in each.schedules]
    before = [(schedule, schedule.state_dict()) for schedule, _ in pairs]
    try:
        for schedule, saved in pairs:
            schedule.load_state_dict(saved)
        yield
    except BaseException:
        for schedule, was in before:
            schedule.load_state_dict(was)
        raise


def _states(
    bound: Bound,
    room: Arena,
    state: CheckedState,
    i: int,
    given: Mapping[str, Array],
    params: Mapping[str, Array],
    adopt: bool,
) -> dict[str, Array]:
    """Return the states of a parameter: those that are given, and what its rule has besides."""
    name, p, entry = bound.parameters.names[i], bound.parameters.arrays[i], state.entries[i]
    if entry is None:
        return bound.states[i]
    forms, how = state.forms(i), state.storages(i)
    found = {
        key: array if adopt else room.like(p, array, number, forms.get(key))
        for number, (key, array) in enumerate(given.items())
        if not key.startswith("*")
    }
    group = bound.parameters.group_of[i]
    h, kind = state.h[group], bound.groups[group].kind
    for number, key in enumerate(state.needed(i)):
        if key in found:
            continue
        if entry["steps"] and key in bound.states[i]:  # strict=False
            found[key] = bound.states[i][key]
        else:
            fill = initial(kind, h, key, params.get(name, p), how)
            found[key] = room.like(p, fill, number, forms.get(key))
    return found


def _following(bound: Bound, room: Arena, follower: Follower, key: str, arrays: Arrays) -> list[Array]:
    """Return what is saved of a follower, in memory of its own, and what it has besides."""
    return [
        room.like(p, given[key], follower.number) if key in given else has
        for p, has, given in zip(bound.parameters.arrays, follower.arrays, arrays, strict=True)
    ]


def _sums(bound: Bound, state: CheckedState, arrays: Arrays) -> Accumulator | None:
    """Make sums of gradients as they were saved, if there are any or have to be."""
    if not state.accumulated and bound.sums is None:
        return None
    found = Accumulator(bound.parameters, bound.backend)
    found.count, found.weight = state.accumulated, state.accumulated_weight
    found.present = [ACCUMULATED in given for given in arrays]
    for total, given in zip(found.sums, arrays, strict=True):
        if ACCUMULATED in given:
            np.copyto(total, given[ACCUMULATED])
    return found


def _warn_of_infinite(bound: Bound, arrays: Arrays) -> None:
    found = [
        f"{word(key)} of {name!r}"
        for name, given in zip(bound.parameters.names, arrays, strict=True)
        for key, array in given.items()
        if key != ACCUMULATED and not _is_finite(array)  # sums may overflow: that is a step left out
    ]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        warn(f"the state has entries that are not finite in {found[0]}{more}: that run had diverged")


def _is_finite(array: Array) -> bool:
    values = flat(array)
    with np.errstate(all="ignore"):  # one that is too large to be squared is looked at again
        return bool(np.isfinite(np.dot(values, values)) or np.isfinite(values).all())
