"""Checks of steps that call a function for loss and gradients: which options go with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastopt.algorithm import SETTINGS
from fastopt.model import Group

FITTING = ("nonfinite", "max_consecutive_skips", "tied", "flush_subnormals")


def check_functions(groups: Sequence[Group], settings: Mapping[str, Any], grads: Any) -> None:
    """Raise TypeError or ValueError for what does not go with an algorithm that calls a function."""
    calling = [group for group in groups if group.kind.takes_function]
    if not calling:
        return
    first, name = calling[0], calling[0].algorithm
    for i, group in enumerate(groups):
        if group.kind is not first.kind:
            raise TypeError(
                f"{name} calls a function for loss and gradients, and group {i} has {group.algorithm}: "
                f'all parameters that change are {name}\'s; take out "algorithm", or the group, with '
                '"frozen": True in its place'
            )
        other = [key for key, value in vars(group.h).items() if value != vars(first.h)[key]]
        if other:
            raise ValueError(
                f"{other[0]} of group {i} is {vars(group.h)[other[0]]!r}, and of group 0 "
                f"{vars(first.h)[other[0]]!r}: {name} takes one step with all parameters, so that all "
                f"groups have the same; give it to the optimizer, {name}(params, {other[0]}=...)"
            )
    if grads is not None:
        raise TypeError(
            f"{name} calls a function for loss and gradients, opt.step(loss_and_grad): leave grads= out"
        )
    for key, option in SETTINGS.items():
        if key not in FITTING and not _is(settings[key], option.default):
            raise TypeError(
                f"{name} calls a function for loss and gradients, several times in a step, and {key} "
                f"does not go with that: leave {key}= out"
            )


def _is(value: Any, default: Any) -> bool:
    return value is default if default is None else bool(value == default)
