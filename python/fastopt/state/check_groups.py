"""Hyperparameters out of a state, for the groups of an optimizer: checked before any of them is set."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from fastopt.model import Given, Group
from fastopt.runtime import listed
from fastopt.state.capture import is_stateful, parts
from fastopt.state.config import made, plain
from fastopt.state.form import is_mark, marks


class GroupRestoration(NamedTuple):
    """The values for one group."""

    given: Given
    schedules: list[tuple[Any, Any]]  # those that have a state, and their states


def checked_groups(
    groups: Sequence[Group],
    names: Sequence[Sequence[str]],
    saved: Sequence[Mapping[str, Any]],
    known: Sequence[str],
    step: int,
    call: str,
) -> list[GroupRestoration]:
    """Return the values for all groups, as they are for a step; raise where they do not fit.

    `names` are those of each group's parameters; only those that are `known` on both sides must be in
    the same groups. A group of which none is known keeps its values. `call` is as of
    `CheckedState`.
    """
    both = set(known)
    mine = [sorted(both & set(each)) for each in names]
    theirs = [sorted(both & set(group["names"])) for group in saved]
    ours, others = [each for each in mine if each], [each for each in theirs if each]
    empty: list[str] = []
    for a, b in zip_longest(ours, others, fillvalue=empty):
        if a != b:
            raise ValueError(
                f"the state has {_group(b)} where the optimizer has {_group(a)}; "
                f"{call.format('hyperparameters=False')} loads it without hyperparameters"
            )
    rest = iter([group for group, each in zip(saved, theirs, strict=True) if each])
    found = []
    for i, (group, each) in enumerate(zip(groups, mine, strict=True)):
        if each:
            found.append(_checked(group, next(rest), step, call))
        elif not names[i] and i < len(saved) and not saved[i]["names"]:  # empty on both sides
            found.append(_checked(group, saved[i], step, call))
        else:
            found.append(GroupRestoration(group.current, []))
    return found


def _checked(group: Group, saved: Mapping[str, Any], step: int, call: str) -> GroupRestoration:
    values = {n: _kept(group, n, value, call) for n, value in saved["hyperparameters"].items()}
    given = group.with_values(values, step)
    schedules = []
    for name, states in saved["schedules"].items():
        schedules_now = parts(given.values.get(name))
        if not isinstance(states, (list, tuple)) or len(states) != len(schedules_now):
            raise TypeError(f"the states of the schedules of {name!r} are not what state_dict() gives")
        for schedule, state in zip(schedules_now, states, strict=True):
            if is_stateful(schedule):
                made(schedule.get_config()).load_state_dict(state)  # to see whether it is one
                schedules.append((schedule, state))
    return GroupRestoration(given, schedules)


def _kept(group: Group, name: str, saved: Any, call: str) -> Any:
    """Return a saved value, or that of the group where it is the same schedule or a function."""
    if name == "multiply" or not isinstance(saved, (list, tuple)):
        return saved if name == "multiply" else _same(group.given.get(name), saved, name, call)
    now = group.given.get(name)
    each = now if isinstance(now, tuple) and len(now) == len(saved) else [None] * len(saved)
    return tuple(_same(mine, theirs, name, call) for mine, theirs in zip(each, saved, strict=True))


def _same(now: Any, saved: Any, name: str, call: str) -> Any:
    if is_mark(saved):
        if not callable(now):
            raise ValueError(
                f"{name} was a function ({marks(saved)[0]}), which no state can hold: give the same "
                f"one again, {name}=..., when the optimizer is made, or keep its own: "
                f"{call.format('hyperparameters=False')}"
            )
        return now
    return now if callable(now) and plain(now, name, marks=True) == saved else made(saved)


def _group(names: Sequence[str]) -> str:
    return f"the group of {listed(names)}" if names else "an empty group"
