"""Gradients of rows, checked and as plans take them; what is summed of them, in NumPy."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import check_kind, viewed
from fastopt.numerics import FloatingPointEnvironment, format_of, taken
from fastopt.rows.gradient import RowGradient
from fastopt.rows.living import Living


class TakenRows(NamedTuple):
    """A gradient of rows that fits its parameter: contiguous arrays of int64 and of its dtype."""

    indices: NDArray[Any]
    values: NDArray[Any]
    living: Living | None = None  # of exact steps: the rows that are stepped without a gradient, too

    def dense(self, rows: int) -> NDArray[Any]:
        """Make the gradient of a parameter with so many rows."""
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            return RowGradient(self.indices, self.values).dense(rows)

    @property
    def mask(self) -> NDArray[Any] | None:
        """For each row whether it is stepped in any case, as plans take it."""
        return None if self.living is None else self.living.mask


def take(g: Any, what: str, p: NDArray[Any], casts: bool) -> TakenRows:
    """Raise TypeError or ValueError unless it is a gradient of rows of p."""
    indices = viewed(g.indices, f"the indices of {what}")
    values = viewed(g.values, f"the values of {what}")
    check_kind(indices, f"indices of {what}", "g.indices", np.int64)
    check_kind(values, f"values of {what}", "g.values", p.dtype)
    there = f"its parameter ({p.dtype}, shape {p.shape})"
    if not p.ndim:
        raise ValueError(
            f"{what} is of rows, and {there} has none: pass an array without axes, g.values[0]"
        )
    if not p.flags.c_contiguous:
        raise ValueError(
            f"{what} is of rows, and {there} is in Fortran order, where they do not lie together: "
            f"pass g.dense({p.shape[0]}), or let the model hold np.ascontiguousarray(p)"
        )
    _check_indices(indices, f"indices of {what} ({indices.dtype}, shape {indices.shape})", p.shape[0])
    found = f"values of {what} ({values.dtype}, shape {values.shape})"
    if values.dtype != p.dtype and not (casts and format_of(values.dtype)):
        others = "" if casts else "; cast_grads=True takes float dtypes as they are"
        raise TypeError(
            f"{found} must have the dtype of {there}: g.values.astype(np.{p.dtype.name}){others}"
        )
    needed = (indices.size, *p.shape[1:])
    if values.shape != needed:
        line = f", g.values.reshape{needed}" if values.size == np.prod(needed, dtype=int) else ""
        raise ValueError(
            f"{found} must have a row of {there} for each index, {indices.size}: shape {needed}{line}"
        )
    return TakenRows(
        np.ascontiguousarray(indices, np.int64), np.ascontiguousarray(taken(values, p.dtype))
    )


def _check_indices(indices: NDArray[Any], what: str, rows: int) -> None:
    if indices.dtype.kind == "b":
        raise TypeError(
            f"{what} must be numbers of rows: np.flatnonzero(g.indices) are those of a mask"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers: g.indices.astype(np.int64)")
    if not indices.dtype.isnative:
        raise TypeError(
            f"{what} have foreign byte order, {indices.dtype.str}: "
            "g.indices.astype(g.indices.dtype.newbyteorder('='))"
        )
    if indices.ndim != 1:
        raise ValueError(
            f"{what} must have one axis: g.indices.ravel(), and values with a row for each, "
            "g.values.reshape(g.indices.size, ...)"
        )
    if not indices.size:
        return
    lowest, highest = int(indices.min()), int(indices.max())
    if lowest < 0:
        raise ValueError(
            f"{what} have {lowest}, and rows count from 0: g.indices % {rows} if -1 means the last one"
        )
    if highest >= rows:
        raise ValueError(
            f"{what} have {highest}, and the parameter has {rows} rows: take out what is no row, "
            f"g.indices[g.indices < {rows}], with its values"
        )


def dense_of(g: Any, p: NDArray[Any]) -> Any:
    """Return a gradient of p as an array."""
    return g.dense(len(p)) if isinstance(g, TakenRows) else g


def summed(
    indices: NDArray[Any], values: NDArray[Any], living: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """List the rows that are stepped, each once and in order, and the gradient of each."""
    stepped, numbers = np.unique(indices, return_inverse=True)
    if living is not None:
        touched, stepped = stepped, np.union1d(stepped, np.flatnonzero(living))
        numbers = np.searchsorted(stepped, touched)[numbers]
    sums = np.zeros((stepped.size, *values.shape[1:]), values.dtype)
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        np.add.at(sums, numbers, values)
    return stepped, sums
