"""Changes besides arrays, made in one go; csrc/ makes such changes in the call that sweeps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastopt.runtime import native

# An object, the name of an attribute, and the value that it gets; or an array, None, and another one
# with its new contents, both contiguous, of one dtype and shape.
Change = tuple[Any, str | None, Any]


def make(changes: Sequence[Change]) -> None:
    """Make changes, one after the other."""
    for owner, name, value in changes:
        if name is None:
            np.copyto(owner, value)
        else:
            setattr(owner, name, value)


# With the extension no signal's handler comes in between.
commit = make if native is None else native.Plan.commit
