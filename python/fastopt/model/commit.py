"""What a step changes besides arrays; csrc/changes.hpp makes such changes in the call that sweeps."""

from collections.abc import Sequence
from typing import Any

Change = tuple[Any, str, Any]  # an object, the name of an attribute, and the value that it gets


def make(changes: Sequence[Change]) -> None:
    """Make them, one after the other."""
    for owner, name, value in changes:
        setattr(owner, name, value)
