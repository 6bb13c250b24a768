"""What all oracles share: the arrays and gradients, and the measure of a difference.

The modules of this folder get these as fixtures, `problem` and `difference`, since the folder is no
package that they could import from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]
Difference = Callable[[Any, Any], float]

SHAPES: dict[str, tuple[int, ...]] = {
    "matrix": (5, 7),
    "vector": (11,),
    "scalar": (),
    "cube": (3, 2, 2),
    "late": (6,),
    "rare": (4,),
}


@dataclass(frozen=True)
class Problem:
    """Where the parameters begin, and the gradients of every step; None where an array sits out.

    ``late`` has no gradient at the first steps and some later ones, ``rare`` has one at the first
    step and then at about half of the steps: so the arrays have taken different numbers of steps.
    """

    start: dict[str, Array]
    grads: list[dict[str, Array | None]]

    def parameters(self, dtype: type[np.floating[Any]] = np.float64) -> dict[str, Array]:
        """Copy the start, for an optimizer to work on."""
        return {name: p.astype(dtype) for name, p in self.start.items()}


ProblemMaker = Callable[..., Problem]


@cache
def make_problem(steps: int, *, absent: bool = True, rounded: bool = False) -> Problem:
    """Make the problem of this many steps.

    absent: some gradients are None. rounded: all values are float32 numbers, so that a float32
    and a float64 optimizer start from the same ones. The gradient does not depend on the
    parameter: what two implementations differ by is then their rounding alone, and not what a
    problem makes of it.
    """
    rng = np.random.default_rng(20250807)
    grads: list[dict[str, Array | None]] = []
    for k in range(steps):
        # Six decades from step to step and two more within an array; signs are random, so no
        # running mean of gradients comes near the root of the mean of their squares.
        scale = 10.0 ** rng.uniform(-3.0, 3.0)
        present = {"late": k >= 3 and rng.random() < 0.7, "rare": k == 0 or rng.random() < 0.5}
        step: dict[str, Array | None] = {}
        for name, shape in SHAPES.items():
            spread = 10.0 ** rng.uniform(-1.0, 1.0, shape)
            g = np.asarray(scale * spread * rng.standard_normal(shape))
            step[name] = g if present.get(name, True) or not absent else None
        grads.append(step)
    start = {name: np.asarray(rng.standard_normal(shape)) for name, shape in SHAPES.items()}
    if not rounded:
        return Problem(start, grads)
    return Problem(
        {name: _rounded(p) for name, p in start.items()},
        [{n: None if g is None else _rounded(g) for n, g in step.items()} for step in grads],
    )


def _rounded(x: Array) -> Array:
    return x.astype(np.float32).astype(np.float64)


def relative_difference(found: Any, expected: Any) -> float:
    """Measure max |found - expected| / max |expected| of one array; inf if any is not finite."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    off = float(np.max(np.abs(a - b)))
    return off / float(np.max(np.abs(b))) if off else 0.0


@pytest.fixture(scope="session")
def problem() -> ProblemMaker:
    return make_problem


@pytest.fixture(scope="session")
def difference() -> Difference:
    return relative_difference
