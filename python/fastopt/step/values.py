"""Read and set what groups have alike: ``opt.lr``, and settings of the optimizer, ``opt.nonfinite``."""

from typing import Any

from fastopt.algorithm import Option
from fastopt.model import Change, commit, moderate_changes, warn_if_ended
from fastopt.step.binding import set_setting
from fastopt.step.bound import Bound, Core


def value_of(bound: Bound, option: Option) -> Any:
    """Return a hyperparameter of all groups, or a setting."""
    name = option.name
    if option.scope != "group":
        return bound.progress.scale.value if name == "loss_scale" else bound.settings[name]
    try:
        values = [group[name] for group in bound.groups]
    except KeyError:
        raise _not_of_all(bound, name, "read opt.groups[{}][{!r}]") from None
    if any(value != values[0] for value in values):
        listed = ", ".join(map(repr, values))
        raise ValueError(
            f"the groups have different values of {name} ({listed}): read opt.groups[i][{name!r}]"
        )
    return values[0]


def set_value(core: Core, option: Option, value: Any) -> None:
    """Set a hyperparameter of all groups, or a setting that can change."""
    name, groups = option.name, core.bound.groups
    if option.scope != "group":
        set_setting(core, name, option.check(value, name))
        return
    changes = moderate_changes(groups, name, value)
    if changes is None:
        value = option.accept(value, name)  # NumPy's numbers become floats
        changes = moderate_changes(groups, name, value) or _changes(core.bound, name, value)
    leave = core.gate.enter_to_change()
    try:
        commit(changes)
    finally:
        leave()


def _changes(bound: Bound, name: str, value: Any) -> list[Change]:
    """List what changes when a hyperparameter of all groups is set."""
    try:
        new = [(group, group.with_values({name: value})) for group in bound.groups]
    except TypeError:
        if all([name in group.kind.hyperparameters for group in bound.groups]):
            raise
        raise _not_of_all(
            bound, name, "set it where there is one, opt.groups[{}][{!r}] = ..."
        ) from None
    if callable(value) or type(value) is tuple:
        warn_if_ended(name, value, bound.progress.steps, f"opt.{name} = {{}}".format)
    return [change for group, given in new for change in group.changes(given)]


def _not_of_all(bound: Bound, name: str, remedy: str) -> ValueError:
    """Make the error for a hyperparameter that the algorithm of a group does not have."""
    has = [name in group.kind.hyperparameters for group in bound.groups]
    i = has.index(False)
    do = remedy.format(has.index(True), name) if any(has) else "no group has it"
    return ValueError(f"{bound.groups[i].algorithm}, of group {i}, has no {name}: {do}")
