"""Settings, checked together: options of an optimizer that all groups share."""

from collections.abc import Mapping
from typing import Any

from fastopt.algorithm.base import SETTINGS


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings: the defaults, overridden by `given`, checked."""
    found = {name: each.default for name, each in SETTINGS.items()}
    for name, value in given.items():
        if name in found:
            found[name] = SETTINGS[name].check(value, name)
    for name, each in SETTINGS.items():
        if each.needs and found[name] != each.default:
            needed, spelled = each.needs
            if found[needed] is None:
                raise ValueError(f"{name}={found[name]!r} needs {spelled}")
    return found


def guards(given: Mapping[str, Any]) -> bool:
    """Return whether nothing that is not finite may enter parameters and states."""
    return bool(given["nonfinite"] != "propagate" or given["loss_scale"] == "dynamic")


def check_together(given: Mapping[str, Any], clips_each: bool) -> None:
    """Raise ValueError for settings that contradict each other, or a clipnorm of the groups."""
    if given["global_clipnorm"] is not None and clips_each:
        raise ValueError(
            "clipnorm clips each gradient by its own norm, and global_clipnorm all by their common "
            "one: set one of them to None"
        )
    most = given["max_consecutive_skips"]
    if most is not None and not guards(given):
        raise ValueError(
            f"max_consecutive_skips={most} limits how many steps are left out in a row, and with "
            f"nonfinite={given['nonfinite']!r} none is: set nonfinite='skip' before it, or "
            "max_consecutive_skips=None"
        )
    if given["loss_scale"] == "dynamic" and given["nonfinite"] == "raise":
        raise ValueError(
            "loss_scale='dynamic' finds its scale by leaving out steps that overflow, at which "
            "nonfinite='raise' raises: set nonfinite='skip'"
        )
