"""The hyperparameters in a group of torch, as they are now."""

from collections.abc import Mapping
from typing import Any

import torch

from fastopt.algorithm import SETTINGS, Algorithm, Option, is_scheduled

FOLLOWERS = "followers"  # the entry of a group with how far averages and slow weights are
_NOT_OPTIONS = ("params", "param_names", FOLLOWERS)

# Those that every algorithm has here, beside what torch has for it: of each group, and of all together.
OF_GROUPS: Mapping[str, Option] = {
    name: option
    for name, option in vars(Algorithm).items()
    if isinstance(option, Option)
    and option.scope == "group"
    and name not in ("lr", "max_lr", "weight_decay", "decoupled_weight_decay", "maximize")
}
OF_ALL: Mapping[str, Option] = {
    name: SETTINGS[name]
    for name in (
        "global_clipnorm",
        "ema",
        "ema_bias_correction",
        "swa_start",
        "swa_every",
        "lookahead_steps",
        "lookahead_alpha",
        "master_weights",
        "stochastic_rounding",
        "rounding_seed",
        "min_8bit_size",
    )
}


def taken(given: dict[str, Any], options: Mapping[str, Option]) -> dict[str, Any]:
    """Remove options from keywords, and return them checked."""
    found = {name: given.pop(name) for name in options if name in given}
    for name, value in found.items():
        check_still(name, value)
    return {name: options[name].accept(value, name) for name, value in found.items()}


def check_still(name: str, value: Any) -> None:
    """Raise TypeError for a function of the step."""
    if is_scheduled(value):
        raise TypeError(
            f"{name} is a function of the step: give its value here, and a scheduler of torch "
            "changes it"
        )


def of_all(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Read the options of all groups together, those that are not the default."""
    found = {}
    for name, option in OF_ALL.items():
        values = [read(group.get(name, option.default), name) for group in groups]
        if any([value != values[0] for value in values]):
            or_else = ", or clipnorm to groups" if name == "global_clipnorm" else ""
            raise ValueError(
                f"the groups have {name} {', '.join(map(str, values))}, and it is of all parameters "
                f"together: give it to the optimizer, {name}=...{or_else}"
            )
        if values and values[0] != option.default:
            found[name] = values[0]
    return found


def read(value: Any, key: str) -> Any:
    """Return a value as plain numbers; ValueError for a tensor of several."""
    if isinstance(value, (tuple, list)):
        return tuple([read(each, key) for each in value])
    if isinstance(value, torch.Tensor):
        if value.numel() != 1:
            raise ValueError(
                f"{key} is a tensor of shape {tuple(value.shape)}; it must have one element: "
                f"{key}.mean()"
            )
        return value.item()
    return value


def values_of(group: dict[str, Any]) -> list[Any]:
    """List the values themselves, which are compared at each step."""
    return [value for key, value in group.items() if key not in _NOT_OPTIONS]


def is_still(value: Any) -> bool:
    """Return whether a value stays what it is."""
    if isinstance(value, tuple):
        return all(map(is_still, value))
    return value is None or type(value) in (float, int, bool, str)


def options_of(group: dict[str, Any]) -> dict[str, Any]:
    """Read what a group has besides parameters; of tensors what they hold now."""
    return {key: read(value, key) for key, value in group.items() if key not in _NOT_OPTIONS}


def chooses(before: Any, now: Any) -> bool:
    """Return whether a change may ask for another rule: it is of no number, or from or to zero."""
    return not (_is_number(before) and _is_number(now)) or bool(before) != bool(now)


def _is_number(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_number, value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)
