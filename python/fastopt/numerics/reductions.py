"""Reductions to the shapes of arrays that broadcast to a parameter: sums, or the largest.

Elements are taken in the order of the parameter's memory. The outermost axis is cut into pieces; within
one, a run along the last axis is added up in segments, by lanes as in `sums`, and all else from the
left; then the pieces from the left. csrc/plan/reductions.cpp does the same.
"""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.numerics.sums import LANES

SEGMENT, PIECE, MOST_PIECES = 512, 65536, 32


class Axes(NamedTuple):
    """The axes of a parameter in the order of memory, and the steps of arrays that broadcast to it."""

    lengths: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]  # in elements; 0 where one number is for all


def axes_of(p: NDArray[Any], arrays: Sequence[NDArray[Any]]) -> Axes:
    """Join the axes of a parameter along which all such arrays go on as it does."""
    order = range(p.ndim) if p.flags.c_contiguous else range(p.ndim)[::-1]
    lengths = [1]
    steps: list[list[int]] = [[0] for _ in arrays]
    for axis in order:
        length = p.shape[axis]
        if length == 1:
            continue
        own = [0 if a.shape[axis] == 1 else a.strides[axis] // a.itemsize for a in arrays]
        joins = all([each[-1] == length * step for each, step in zip(steps, own, strict=True)])
        if lengths == [1] or joins:
            lengths[-1] *= length
            for each, step in zip(steps, own, strict=True):
                each[-1] = step
            continue
        lengths.append(length)
        for each, step in zip(steps, own, strict=True):
            each.append(step)
    return Axes(tuple(lengths), tuple(map(tuple, steps)))


def reduced(values: Sequence[NDArray[Any]], axes: Axes, largest: bool) -> list[NDArray[np.float64]]:
    """Reduce flat values for each array, in the order of memory, to its places, in its own order."""
    outer = axes.lengths[0]
    count = min(max(values[0].size // PIECE, 1), MOST_PIECES, outer)
    edges = [outer * k // count for k in range(count + 1)]
    found = []
    for flat, steps in zip(values, axes.steps, strict=True):
        x = flat.reshape(axes.lengths)
        whole = not steps[0] and count > 1
        parts = [_piece(x[a:b], steps, largest) for a, b in pairwise(edges)]
        if not whole:
            found.append(np.concatenate(parts) if steps[0] else parts[0])
            continue
        total = np.full_like(parts[0], -np.inf if largest else 0.0)
        for part in parts:
            total = _larger(total, part) if largest else total + part
        found.append(total)
    return [each.reshape(-1) for each in found]


def _piece(x: NDArray[Any], steps: Sequence[int], largest: bool) -> NDArray[np.float64]:
    """Reduce a piece along the axes without steps."""
    gone = [axis for axis, step in enumerate(steps) if not step]
    if x.ndim - 1 in gone:
        x = _run_maxima(x) if largest else _run_sums(x)
    kept = [1 if axis in gone else length for axis, length in enumerate(x.shape)]
    total = np.full(kept, -np.inf if largest else 0.0)
    every = slice(None)
    places = [
        [slice(i, i + 1) for i in range(length)] if axis in gone else [every]
        for axis, length in enumerate(x.shape)
    ]
    for place in product(*places):
        each = x[place].astype(np.float64)
        total = _larger(total, each) if largest else total + each
    return total


def _run_sums(x: NDArray[Any]) -> NDArray[np.float64]:
    """Sum the segments of each run, which stay apart."""
    run = x.shape[-1]
    segments = -(-run // SEGMENT)
    padded = np.zeros((*x.shape[:-1], segments * SEGMENT))
    padded[..., :run] = x  # a zero adds nothing to its lane
    blocks = padded.reshape(*x.shape[:-1], segments, SEGMENT // LANES, LANES)
    lanes = np.zeros((*x.shape[:-1], segments, LANES))
    for k in range(SEGMENT // LANES):
        lanes += blocks[..., k, :]
    while lanes.shape[-1] > 1:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes[..., 0]


def _run_maxima(x: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.max(x, axis=-1, keepdims=True).astype(np.float64)
    return found


def _larger(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return the larger ones; NaN where either is NaN."""
    found: NDArray[np.float64] = np.maximum(a, b)
    return found


def of_columns(p: NDArray[Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of one number for each row, and for each column, of the last two axes.

    An array with fewer is one row.
    """
    if p.ndim < 2:
        return (1,) * p.ndim, p.shape
    return (*p.shape[:-1], 1), (*p.shape[:-2], 1, p.shape[-1])
