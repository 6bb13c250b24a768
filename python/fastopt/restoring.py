"""A state put into an optimizer, when it has been checked."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastopt.accumulation import Accumulator
from fastopt.checked_state import CheckedState, word
from fastopt.memory import state_beside
from fastopt.snapshot import ACCUMULATED
from fastopt.warning import warn

if TYPE_CHECKING:
    from fastopt.core import Core

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

    What can fail for want of memory comes first, and leaves everything as it was. `arrays` are what
    the state's arrays are or describe; `params` are by name. With `adopt`, nobody else has the arrays,
    and they lie where states lie: they become the states.
    """
    opt._check_arrays()
    _warn_of_infinite(opt, arrays)
    states = [_states(opt, state, i, each, params, adopt) for i, each in enumerate(arrays)]
    accumulator = opt._accumulator
    if state.accumulated and accumulator is None:
        accumulator = Accumulator(opt._parameters, opt.backend)
    before = opt._states, opt._cohorts, opt._cohort_of, [group.current for group in opt.groups]
    try:
        if state.groups is not None:
            for group, each in zip(opt.groups, state.groups, strict=True):
                group.set(each.given)
        opt._states, opt._cohorts, opt._cohort_of = states, state.cohorts, state.cohort_of
        opt._plan = opt._make_plan()
    except BaseException:
        opt._states, opt._cohorts, opt._cohort_of, hyperparameters = before
        for group, was in zip(opt.groups, hyperparameters, strict=True):
            group.set(was)
        raise
    _restore_scalars(opt, state)
    _restore_followers(opt, state, arrays)
    opt._accumulator = accumulator
    opt._hold = opt._make_hold(opt._states)
    if accumulator is not None:
        _restore_sums(accumulator, state.accumulated, arrays)
    for name, p in zip(opt._parameters.names, opt._parameters.arrays, strict=True):
        if name in params:
            np.copyto(p, params[name])
    opt._pipeline.write_copies()
    opt._follow_changes()


def _states(
    opt: "Core",
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
        key: array if adopt else state_beside(p, array, number)
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
            found[key] = state_beside(p, opt.initial_state(h, key, params.get(name, p)), number)
    return found


def _restore_scalars(opt: "Core", state: CheckedState) -> None:
    opt._taken.steps, opt._pipeline.skipped = state.steps, state.skipped
    opt._pipeline.scale, opt._frozen, opt._present = state.scale, state.frozen, None
    opt._pipeline.grad_norm = opt._pipeline.report = None
    opt._settings.update(state.settings)
    for each in state.groups or ():
        for schedule, saved in each.schedules:
            schedule.load_state_dict(saved)


def _restore_followers(opt: "Core", state: CheckedState, arrays: Arrays) -> None:
    for key, each in opt._pipeline.followers().items():
        for array, given in zip(each.arrays, arrays, strict=True):
            if f"*{key}" in given:
                np.copyto(array, given[f"*{key}"])
        if key in state.followers:
            each.restore(state.followers[key])


def _restore_sums(accumulator: Accumulator, count: int, arrays: Arrays) -> None:
    accumulator.count = count
    accumulator.present = [ACCUMULATED in given for given in arrays]
    for total, given in zip(accumulator.sums, arrays, strict=True):
        np.copyto(total, given.get(ACCUMULATED, 0))  # which may be the sum itself, with copy=False


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
    flat = (array if array.flags.c_contiguous else array.T).reshape(-1)
    with np.errstate(all="ignore"):  # one that is too large to be squared is looked at again
        return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(flat).all())
