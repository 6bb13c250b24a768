"""The dtypes that parameters can have; csrc/kernel.hpp has the same list."""

import numpy as np

SUPPORTED = (np.dtype(np.float32), np.dtype(np.float64))
NEEDED = "float32 or float64"


def is_supported(dtype: np.dtype) -> bool:
    """Say whether there are kernels for a dtype (foreign byte orders compare unequal)."""
    return dtype in SUPPORTED
