"""The sizes that are measured, and arrays of them."""

from argparse import ArgumentTypeError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def arrays(sizes: list[int], dtype: Any = "float32") -> tuple[list[Array], list[Array]]:
    """Draw parameters and gradients."""
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n, np.float32).astype(dtype, copy=False) for n in sizes]
    return params, [rng.standard_normal(n, np.float32).astype(dtype, copy=False) for n in sizes]


def drawn(shape: Shape) -> tuple[list[Array], list[Array]]:
    """Draw float32 parameters and gradients of such a shape."""
    return arrays([shape.elements] * shape.arrays)


def copies(arrays: list[Array]) -> list[Array]:
    """Copy each of them."""
    return [a.copy() for a in arrays]


def refill(arrays: list[Array], source: list[Array]) -> None:
    """Write gradients anew, as the backward pass does between two steps."""
    for a, s in zip(arrays, source, strict=True):
        np.copyto(a, s)
