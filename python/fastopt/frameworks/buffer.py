"""The momentum buffer, which some rules keep with the learning rate inside, and others without."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastopt.algorithm import Values


def rescaled(
    arrays: Mapping[str, Any], lr: float, before: bool, after: bool, name: str
) -> dict[str, Any]:
    """Multiply the buffer b by the learning rate, or divide by it, so that the next step is the same.

    `before` and `after` say whether it is inside. ValueError where it cannot be taken out.
    """
    if "b" not in arrays or before == after:
        return dict(arrays)
    if lr == 0.0:
        raise ValueError(
            f"the momentum buffer of {name!r} cannot be converted at lr=0: only one of the two rules "
            "has the learning rate in it. Convert where lr > 0"
        )
    b = np.asarray(arrays["b"])
    # An array also where it has no dimension, of which arithmetic makes a scalar.
    return {**arrays, "b": np.asarray(b * lr if after else b / lr)}


def lr_inside(h: Values) -> bool:
    """Return whether a rule has it inside."""
    return bool(getattr(h, "lr_in_buffer", False))
