"""Changes besides arrays, made in one go; csrc/ makes such changes in the call that sweeps."""

from collections.abc import Sequence
from typing import Any

from fastopt.runtime import native

Change = tuple[Any, str, Any]  # an object, the name of an attribute, and the value that it gets


def make(changes: Sequence[Change]) -> None:
    """Make changes, one after the other."""
    for owner, name, value in changes:
        setattr(owner, name, value)


# With the extension no signal's handler comes in between.
commit = make if native is None else native.Plan.commit
