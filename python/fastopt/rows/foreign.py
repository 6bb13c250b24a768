"""Gradients of rows of other libraries, known by what they have."""

from typing import Any

import numpy as np


def is_row_gradient(g: Any) -> bool:
    """Return whether it has arrays ``indices`` and ``values``, and is no array itself.

    Tensors of torch have methods of these names, and matrices of scipy.sparse no values.
    """
    if isinstance(g, (np.ndarray, np.generic)) or hasattr(type(g), "detach"):
        return False
    try:
        found = [getattr(g, name, None) for name in ("indices", "values")]
    except Exception:  # whatever the other library raises: the step says what it needs
        return False
    return all([each is not None and not callable(each) for each in found])
