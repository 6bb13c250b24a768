"""Arrays as matrices along one of their axes; eigenvectors and singular vectors of matrices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def squared_along(x: Array, axis: int) -> Array:
    """Return the matrix of products of the slices of an array along an axis."""
    rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    found: Array = rows @ rows.T
    return found


def multiplied_along(x: Array, axis: int, matrix: Array) -> Array:
    """Multiply each vector that lies along an axis of an array by a matrix."""
    moved = np.moveaxis(x, axis, 0)
    product = matrix @ moved.reshape(len(moved), -1)
    return np.moveaxis(product.reshape(len(product), *moved.shape[1:]), 0, axis)


def eigen(a: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of a symmetric matrix, rising, and its eigenvectors as columns.

    Both are NaN for one that is not finite, of which LAPACK gives no result.
    """
    if not np.isfinite(a).all():
        return np.full_like(a[0], np.nan), np.full_like(a, np.nan)
    values, vectors = np.linalg.eigh(a)
    return values, vectors


def singular_vectors(x: Array) -> Array:
    """Return those of the rows of a matrix, or of its columns where those are longer, as rows.

    They are by falling singular value, and NaN as above.
    """
    if not np.isfinite(x).all():
        return np.full((min(x.shape),) * 2, np.nan, x.dtype)
    left, _, right = np.linalg.svd(x, full_matrices=False)
    found: Array = right if len(x) >= x.shape[1] else left.T
    return found


def inverse_root(a: Array, order: int, least: float) -> Array:
    """Return ``a^(-1 / order)`` of a symmetric matrix whose eigenvalues are `least` or more.

    Those that roundings make smaller, or negative, are `least`.
    """
    values, vectors = eigen(a)
    roots = np.maximum(values, a.dtype.type(least)) ** a.dtype.type(-1.0 / order)
    found: Array = (vectors * roots) @ vectors.T
    return found
