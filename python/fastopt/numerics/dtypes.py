"""The dtypes that parameters can have; csrc/kernel.hpp has the same list."""

import numpy as np

from fastopt.numerics.casting import is_bfloat16

SUPPORTED = (np.dtype(np.float32), np.dtype(np.float64))
NEEDED = "float32 or float64"


def is_supported(dtype: np.dtype) -> bool:
    """Say whether there are kernels for a dtype (foreign byte orders compare unequal)."""
    return dtype in SUPPORTED


def is_float(dtype: np.dtype) -> bool:
    """Say whether gradients can be cast from a dtype."""
    return dtype in (*SUPPORTED, np.dtype(np.float16)) or is_bfloat16(dtype)
