"""The state of an optimizer in the middle of training, by the names of its parameters."""

from collections.abc import Mapping
from typing import Any

from fastopt.followers import Follower
from fastopt.model import Group
from fastopt.state.config import plain, settings_config
from fastopt.step import Bound, Core, follow


def snapshot(core: Core, copy: bool) -> dict[str, Any]:
    """Return the state, with copies of the arrays or with views of them.

    All else is what JSON can hold. Functions of the step that are no schedules are only marked, as
    ``{"function": name}``: they cannot be written down.
    """
    # What a rule that was chosen since needs is part of the state.
    bound = follow(core) if core.gate.changed else core.bound
    followers, progress, sums = bound.followers.by_key(), bound.progress, bound.sums
    if not core.gate.closed:
        bound.followers.refresh(bound.parameters.arrays)
    if not copy:
        for each in followers.values():
            each.show()
    fresh = {key: set(each.fresh) for key, each in followers.items()}
    names = bound.parameters.names_of_groups()
    found: dict[str, Any] = {
        "optimizer": bound.kind.__name__,
        "steps": progress.steps,
        "skipped": progress.skips.total,
        "skipped_in_a_row": progress.skips.in_a_row,
        "groups": [_group(group, mine) for group, mine in zip(bound.groups, names, strict=True)],
        "settings": settings_config(bound.settings, marks=True),
        "loss_scale": progress.scale.state(),
        **({"carried": {k: dict(v) for k, v in progress.carried.items()}} if progress.carried else {}),
        "followers": {key: each.state() for key, each in followers.items()},
        "accumulated": 0 if sums is None else sums.count,
        "accumulated_weight": 0.0 if sums is None else sums.weight,
        "parameters": {
            name: _parameter(bound, i, followers, fresh)
            for i, name in enumerate(bound.parameters.names)
        },
    }
    if copy:
        for entry in found["parameters"].values():
            entry["arrays"] = {key: a.copy(order="K") for key, a in entry["arrays"].items()}
    return found


def _group(group: Group, names: list[str]) -> dict[str, Any]:
    given = {name: plain(value, name, marks=True) for name, value in group.given.items()}
    states = {
        name: [each.state_dict() if is_stateful(each) else None for each in parts(value)]
        for name, value in group.given.items()
        if any(map(is_stateful, parts(value)))
    }
    return {
        "names": names,
        **({"algorithm": group.algorithm} if group.other else {}),
        "hyperparameters": {**given, "multiply": dict(group.multiply)},
        "schedules": states,
    }


def parts(value: Any) -> tuple[Any, ...]:
    """List what a hyperparameter is made of: itself, or both of a pair."""
    return value if isinstance(value, tuple) else (value,)


def is_stateful(value: Any) -> bool:
    """Return whether it is a schedule that depends on more than the step."""
    return bool(getattr(value, "stateful", False))


def _parameter(
    bound: Bound, i: int, followers: Mapping[str, Follower], fresh: Mapping[str, set[int]]
) -> dict[str, Any]:
    count = bound.counts[bound.count_of[i]]
    arrays = {key: array.view() for key, array in bound.states[i].items()}
    for key, each in followers.items():
        arrays[f"*{key}"] = each.arrays[i].view()  # no state of a rule can have such a name
    if bound.sums is not None and bound.sums.present[i]:
        arrays[ACCUMULATED] = bound.sums.sums[i].view()
    return {
        "steps": count.t,
        "carried": dict(count.carried),
        "frozen": bound.frozen[i],
        "fresh": [key for key, numbers in fresh.items() if i in numbers],
        "arrays": arrays,
    }


ACCUMULATED = "*accumulated"
