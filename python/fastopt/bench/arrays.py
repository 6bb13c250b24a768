"""The sizes that are measured, and arrays of them."""

from argparse import ArgumentTypeError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.registry import optimizer_class

Array = NDArray[Any]


class Shape(NamedTuple):
    """So many arrays of so many elements each."""

    arrays: int
    elements: int

    @property
    def total(self) -> int:
        """All elements."""
        return self.arrays * self.elements

    def __str__(self) -> str:
        return f"{self.elements:,}" if self.arrays == 1 else f"{self.arrays:,} x {self.elements:,}"


def shape(text: str) -> Shape:
    """Read a size: ``1000``, ``25e6``, or ``1000x1e3`` for many arrays."""
    counts = [_count(part) for part in text.lower().split("x")]
    if len(counts) > 2 or 0 in counts:
        raise ArgumentTypeError(f"{text!r} is not a size such as 1000, 25e6 or 1000x1e3")
    return Shape(1, counts[0]) if len(counts) == 1 else Shape(*counts)


def _count(text: str) -> int:
    try:
        value = float(text)
        return int(value) if value == int(value) and 1 <= value <= 2**48 else 0
    except (ValueError, OverflowError):
        return 0


def arrays(
    sizes: list[int], dtype: Any = "float32", algorithm: str = "adam"
) -> tuple[list[Array], list[Array]]:
    """Draw parameters and gradients: vectors, or matrices for an algorithm that is for those."""
    rng = np.random.default_rng(0)
    shapes = [_matrix(n) if optimizer_class(algorithm).scratch else (n,) for n in sizes]
    params = [rng.standard_normal(s, np.float32).astype(dtype, copy=False) for s in shapes]
    return params, [rng.standard_normal(s, np.float32).astype(dtype, copy=False) for s in shapes]


def _matrix(elements: int) -> tuple[int, int]:
    """Choose few rows, so that the work grows with the number of elements as that of the others."""
    rows = max(n for n in range(1, 65) if elements % n == 0)
    return rows, elements // rows


def drawn(shape: Shape, algorithm: str = "adam") -> tuple[list[Array], list[Array]]:
    """Draw float32 parameters and gradients of such a shape."""
    return arrays([shape.elements] * shape.arrays, algorithm=algorithm)


def copies(arrays: list[Array]) -> list[Array]:
    """Copy each of them."""
    return [a.copy() for a in arrays]


def refill(arrays: list[Array], source: list[Array]) -> None:
    """Write gradients anew, as the backward pass does between two steps."""
    for a, s in zip(arrays, source, strict=True):
        np.copyto(a, s)
