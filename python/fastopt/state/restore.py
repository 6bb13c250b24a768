"""A state put into an optimizer, when it has been checked."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays.allocation import Room
from fastopt.arrays.memory import flat
from fastopt.followers.base import Follower
from fastopt.runtime.warning import warn
from fastopt.state.capture import ACCUMULATED
from fastopt.state.check import CheckedState, word
from fastopt.step.accumulation import Accumulator

if TYPE_CHECKING:
    from fastopt.step.core import Core

Array = NDArray[Any]
Arrays = Sequence[Mapping[str, Array]]  # by key, one entry for each parameter
_NONE: Mapping[str, Array] = MappingProxyType({})


def restore(
    opt: "Core",
    state: CheckedState,
    arrays: Arrays,
    params: Mapping[str, Array] = _NONE,
    adopt: bool = False,
) -> None:
    """Put a state into the optimizer that it was checked against, and values into its parameters.

    What is restored is made beside what there is, and takes its place at the end: whatever fails
    before leaves everything as it was. `arrays` are what the state's arrays are or describe; `params`
    are by name. With `adopt`, nobody else has the arrays, and they lie where states lie: they become
    the states.
    """
    opt._check_arrays()
    _warn_of_infinite(opt, arrays)
    room = Room()
    states = [_states(opt, room, state, i, each, params, adopt) for i, each in enumerate(arrays)]
    followers = [
        (
            each,
            state.followers.get(key, each.state()),
            _following(opt, room, each, f"*{key}", arrays),
            state.fresh[key],
        )
        for key, each in opt._pipeline.followers().items()
    ]
    accumulator = _accumulator(opt, state, arrays)
    undo = _undo(opt, state)
    try:
        if state.groups is not None:
            for group, each in zip(opt.groups, state.groups, strict=True):
                group.set(each.given)
                for schedule, saved in each.schedules:
                    schedule.load_state_dict(saved)
        opt._states, opt._cohorts, opt._cohort_of = states, state.cohorts, state.cohort_of
        for follower, scalars, found, fresh in followers:
            follower.restore(scalars, found, fresh)
        opt._plan = opt._make_plan()
        opt._accumulator = accumulator
        opt._hold = opt._make_hold(states)
        _restore_scalars(opt, state)
        opt._follow_changes()
        if not params:
            opt._pipeline.write_copies()
    except BaseException:
        undo()
        raise
    if params:
        for name, p in zip(opt._parameters.names, opt._parameters.arrays, strict=True):
            if name in params:
                np.copyto(p, params[name])
        opt._pipeline.write_copies()


def _undo(opt: "Core", state: CheckedState) -> Callable[[], None]:
    """Give a function that puts back what a state takes the place of."""
    pipeline, followers = opt._pipeline, opt._pipeline.followers().values()
    attributes: list[tuple[object, dict[str, Any]]] = [
        (opt, {name: getattr(opt, name) for name in _TAKEN})
    ]
    attributes += [(pipeline, {name: getattr(pipeline, name) for name in _TAKEN_OF_PIPELINE})]
    attributes += [(each, dict(vars(each))) for each in followers]
    steps, settings = opt._taken.steps, dict(opt._settings)
    groups = [(group, group.current) for group in opt.groups]
    schedules = [
        (schedule, schedule.state_dict())
        for each in state.groups or ()
        for schedule, _ in each.schedules
    ]

    def undo() -> None:
        for owner, values in attributes:
            for name, value in values.items():
                object.__setattr__(owner, name, value)
        opt._taken.steps = steps
        opt._settings.update(settings)
        for schedule, was in schedules:
            schedule.load_state_dict(was)
        for group, given in groups:
            group.set(given)

    return undo


_TAKEN = (
    *("_states", "_cohorts", "_cohort_of", "_plan", "_planned_rules", "_accumulator", "_frozen"),
    *("_present", "_hold"),
)
_TAKEN_OF_PIPELINE = ("skips", "scale", "grad_norm", "report")


def _states(
    opt: "Core",
    room: Room,
    state: CheckedState,
    i: int,
    given: Mapping[str, Array],
    params: Mapping[str, Array],
    adopt: bool,
) -> dict[str, Array]:
    """Give the states of a parameter: those that are given, and what its rule has besides."""
    name, p, entry = opt._parameters.names[i], opt._parameters.arrays[i], state.entries[i]
    if entry is None:
        return opt._states[i]
    found = {
        key: array if adopt else room.beside(p, array, number)
        for number, (key, array) in enumerate(given.items())
        if not key.startswith("*")
    }
    h = state.h[opt._parameters.group_of[i]]
    for number, key in enumerate(state.needed(i)):
        if key in found:
            continue
        if entry["steps"] and key in opt._states[i]:  # strict=False
            found[key] = opt._states[i][key]
        else:
            found[key] = room.beside(p, opt.initial_state(h, key, params.get(name, p)), number)
    return found


def _restore_scalars(opt: "Core", state: CheckedState) -> None:
    opt._taken.steps = state.steps
    opt._pipeline.skips = opt._pipeline.skips.restored(state.skipped, state.skipped_in_a_row)
    opt._pipeline.scale, opt._frozen, opt._present = state.scale, state.frozen, None
    opt._pipeline.grad_norm = opt._pipeline.report = None
    opt._settings.update(state.settings)


def _following(opt: "Core", room: Room, follower: Follower, key: str, arrays: Arrays) -> list[Array]:
    """Give what is saved of a follower, in memory of its own, and what it has besides."""
    return [
        room.beside(p, given[key], follower.number) if key in given else has
        for p, has, given in zip(opt._parameters.arrays, follower.arrays, arrays, strict=True)
    ]


def _accumulator(opt: "Core", state: CheckedState, arrays: Arrays) -> Accumulator | None:
    """Make one that has the sums, if there is one or has to be."""
    if not state.accumulated and opt._accumulator is None:
        return None
    found = Accumulator(opt._parameters, opt.backend)
    found.count, found.weight = state.accumulated, state.accumulated_weight
    found.present = [ACCUMULATED in given for given in arrays]
    for total, given in zip(found.sums, arrays, strict=True):
        if ACCUMULATED in given:
            np.copyto(total, given[ACCUMULATED])
    return found


def _warn_of_infinite(opt: "Core", arrays: Arrays) -> None:
    found = [
        f"{word(key)} of {name!r}"
        for name, given in zip(opt._parameters.names, arrays, strict=True)
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
