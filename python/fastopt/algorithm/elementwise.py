"""Functions that rules may use beside ``+ - * /``, ``np.sqrt`` and ``np.abs``.

They work on whole arrays and, where the Numba backend compiles the rule, on scalars. Their counterpart
in C++ is csrc/kernels/arithmetic.hpp.
"""

from typing import Any

import numpy as np


def select(condition: Any, a: Any, b: Any) -> Any:
    """Return a where the condition holds, else b."""
    return np.where(condition, a, b)


def maximum(a: Any, b: Any) -> Any:
    """Return the larger one; a where they are equal (also 0 and -0), NaN where either is NaN."""
    return np.where((a >= b) | (a != a), a, b)


def minimum(a: Any, b: Any) -> Any:
    """Return the smaller one; a where they are equal (also 0 and -0), NaN where either is NaN."""
    return np.where((a <= b) | (a != a), a, b)


def clip(x: Any, low: Any, high: Any) -> Any:
    """Limit x to low ... high; NaN stays NaN."""
    return minimum(maximum(x, low), high)


def bounded(x: Any, limit: Any) -> Any:
    """Limit x to -limit ... limit; NaN stays NaN."""
    if limit == np.inf:
        return x
    x = np.where(x > limit, limit, x)
    return np.where(x < -limit, -limit, x)


def nonnegative(x: Any) -> Any:
    """Return x where it is not below zero, else zero; NaN stays NaN."""
    return np.where(x < 0, np.zeros_like(x), x)


def sign(x: Any) -> Any:
    """Return 1, 0 or -1; NaN stays NaN."""
    return np.sign(x)


def outward(x: Any, start: Any) -> Any:
    """Return whether x lies further from zero than start, on its side."""
    return ((start > 0) & (x > start)) | ((start < 0) & (x < start))
