"""Settings under the names that they had in 0.1."""

from collections.abc import Mapping
from typing import Any

from fastopt.runtime import warn

RENAMED: Mapping[str, str] = {"zero_grad": "zero_grads"}


def saved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a state or a config has, under the names of now."""
    return {RENAMED.get(name, name): value for name, value in given.items()}


def given_as(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords under the names of now; warn of old ones, and raise where both are there."""
    for old in RENAMED.keys() & given.keys():
        new = RENAMED[old]
        if new in given:
            raise TypeError(
                f"{new} is given twice, as {new} and by its old name {old}: give {new}=... alone"
            )
        warn(f"{old}= is {new}= now", DeprecationWarning)
    return saved(given)
