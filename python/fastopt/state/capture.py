"""What an optimizer is in the middle of training: its state, by the names of its parameters."""

from typing import TYPE_CHECKING, Any

from fastopt.model.groups import Group
from fastopt.state.config import plain, settings_config

if TYPE_CHECKING:
    from fastopt.step.core import Core


def snapshot(opt: "Core", copy: bool) -> dict[str, Any]:
    """Take the state, with copies of the arrays or with views of them.

    All else is what JSON can hold. Functions of the step that are no schedules are only marked, as
    ``{"function": name}``: they cannot be written down.
    """
    if opt._news.changed:  # what a rule that was chosen since needs is part of the state
        opt._follow_changes()
    names = opt._parameters.names_of_groups()
    followers = opt._pipeline.followers()
    if not opt._hold.released:
        opt._pipeline.refresh()
    if not copy:
        for each in followers.values():
            each.show()
    fresh = {key: set(each.fresh) for key, each in followers.items()}
    sums = opt._accumulator
    found = {
        "optimizer": type(opt).__name__,
        "steps": opt._taken.steps,
        "skipped": opt._pipeline.skips.total,
        "skipped_in_a_row": opt._pipeline.skips.in_a_row,
        "groups": [_group(group, mine) for group, mine in zip(opt.groups, names, strict=True)],
        "settings": settings_config(opt._settings, marks=True),
        "loss_scale": opt._pipeline.scale.state(),
        "followers": {key: each.state() for key, each in followers.items()},
        "accumulated": 0 if sums is None else sums.count,
        "accumulated_weight": 0.0 if sums is None else sums.weight,
        "parameters": {name: _parameter(opt, i, fresh) for i, name in enumerate(opt._parameters.names)},
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
        "hyperparameters": {**given, "multiply": dict(group.multiply)},
        "schedules": states,
    }


def parts(value: Any) -> tuple[Any, ...]:
    """List what a hyperparameter is made of: itself, or both of a pair."""
    return value if isinstance(value, tuple) else (value,)


def is_stateful(value: Any) -> bool:
    """Say whether it is a schedule that depends on more than the step."""
    return bool(getattr(value, "stateful", False))


def _parameter(opt: "Core", i: int, fresh: dict[str, set[int]]) -> dict[str, Any]:
    cohort = opt._cohorts[opt._cohort_of[i]]
    arrays = {key: array.view() for key, array in opt._states[i].items()}
    for key, each in opt._pipeline.followers().items():
        arrays[f"*{key}"] = each.arrays[i].view()  # no state of a rule can have such a name
    if opt._accumulator is not None and opt._accumulator.present[i]:
        arrays[ACCUMULATED] = opt._accumulator.sums[i].view()
    return {
        "steps": cohort.t,
        "carried": dict(cohort.carried),
        "frozen": opt._frozen[i],
        "fresh": [key for key, numbers in fresh.items() if i in numbers],
        "arrays": arrays,
    }


ACCUMULATED = "*accumulated"
