"""The hyperparameters in a group of torch, as they are now."""

from typing import Any

import torch

_NOT_OPTIONS = ("params", "param_names")


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
