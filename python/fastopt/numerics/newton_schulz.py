"""Newton-Schulz iterations, which bring the singular values of a matrix near 1."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice, repeat
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]

# By name. Those after the last are the last again.
COEFFICIENTS: Mapping[str, Sequence[Triple]] = {
    "jordan": [(3.4445, -4.7750, 2.0315)],
    "quintic": [
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ],
    "polar_express": [
        (8.237312490495555, -23.157747414558198, 16.680568411445915),
        (4.082441999064835, -2.893047735332586, 0.5252849256975648),
        (3.9263479922546582, -2.8547468034765298, 0.5318022422894988),
        (3.2982187133085143, -2.424541981026706, 0.48632008358844075),
        (2.2970369434552573, -1.63662558125903, 0.4002628455953627),
        (1.8763805351440397, -1.2347896577722228, 0.35891887501668385),
        (1.8564423485617974, -1.2132449880935525, 0.3568003487825883),
        (1.875, -1.25, 0.375),
    ],
}


def flattened(u: NDArray[Any]) -> NDArray[Any]:
    """Return a matrix of an array of two or more dimensions: the first, and all others."""
    return u.reshape(len(u), -1)


def orthogonalized(
    u: NDArray[Any], steps: int, triples: Sequence[Triple], eps: float, *, added: bool = False
) -> NDArray[Any]:
    """Return a matrix with the singular vectors of u, and singular values between 0.7 and 1.2.

    ``X = u / max(norm(u), eps)``, then `steps` times ``X = a * X + (b * A + c * A @ A) @ X`` with
    ``A = X @ X.T``, for the smaller side of u; with `added`, ``u / (norm(u) + eps)``. A matrix of
    zeros stays one.
    """
    tall = u.shape[0] > u.shape[1]
    x = u.T if tall else u
    squared, info = float(np.vdot(x, x)), np.finfo(u.dtype)
    norm = sqrt(squared)
    if not info.tiny / info.eps < squared < np.inf:  # squares that are out of range, or NaN
        largest = float(np.abs(x).max(initial=0.0))
        norm = largest * float(np.linalg.norm(x / u.dtype.type(largest))) if largest > 0.0 else 0.0
    x = np.ascontiguousarray(x) / u.dtype.type(norm + eps if added else max(norm, eps))
    for a, b, c in islice(chain(triples, repeat(triples[-1])), steps):
        square = x @ x.T
        power = square @ square
        power *= u.dtype.type(c)
        square *= u.dtype.type(b)
        power += square
        following = power @ x
        x *= u.dtype.type(a)
        x += following
    found: NDArray[Any] = x.T if tall else x
    return found


def original_scale(rows: int, columns: int) -> float:
    """Return the factor by which a matrix with more rows moves further."""
    return sqrt(max(1.0, rows / columns))


def rms_scale(rows: int, columns: int) -> float:
    """Return the factor by which updates are about as large as those of AdamW."""
    return 0.2 * sqrt(max(rows, columns))
