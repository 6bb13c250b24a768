"""The interface between probes and libraries: the parameters of a training, and the steps over them."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LR, BETA1, BETA2, EPS = 0.1, 0.9, 0.999, 1e-8


class NotApplicable(Exception):  # noqa: N818 - an answer, not an error
    """The library has no such thing."""


class HalfDone(Exception):  # noqa: N818 - an answer too
    """Something had been changed before the error was raised."""


class Training:
    """Adam (or SGD) over named arrays; a subclass for each library leaves out what it has not."""

    is_functional: ClassVar[bool] = False  # nothing is shared from one step to another

    def __init__(self, params: dict[str, Any], kind: str = "adam", **options: Any) -> None:
        raise NotApplicable

    def step(self, grads: dict[str, Any]) -> None:
        """Perform a step."""
        raise NotApplicable

    def now(self, name: str) -> Array:
        """Return a parameter as the user finds it after the steps."""
        raise NotApplicable

    def replace(self, name: str, array: Array) -> None:
        """Put another array in place of a parameter, as a user would."""
        raise NotApplicable

    def resize(self, name: str, size: int) -> None:
        """Enlarge a parameter in place."""
        raise NotApplicable

    def put_moment(self, name: str, moment: Array) -> None:
        """Load a checkpoint that has this as the first moment of a parameter."""
        raise NotApplicable

    def go_on_from(self, step: Any) -> None:
        """Load a checkpoint with this number of steps."""
        raise NotApplicable

    def steps(self) -> int:
        """Return the number of steps taken."""
        raise NotApplicable

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        raise NotApplicable

    def load(self, path: Path) -> None:
        """Read one."""
        raise NotApplicable

    def moment(self, name: str) -> Array:
        """Return the first moment of a parameter."""
        raise NotApplicable


def values(*shape: int, number: int = 0) -> Array:
    """Draw values."""
    return np.random.default_rng([3, number]).standard_normal(shape).astype(np.float32)


def gradient(*shape: int, number: int) -> Array:
    """Draw values that are not near zero, where it matters in which place a library has its epsilon."""
    x = values(*shape, number=number)
    return x + np.copysign(np.float32(0.5), x)


def adam(p: Any, g: Any, steps: int = 1) -> Array:
    """Compute a parameter after Adam's steps with one gradient: the paper's formula in double."""
    found: Array = np.array(p, np.float64)
    g = np.asarray(g, np.float64)
    m, v = 0.0, 0.0
    for t in range(1, steps + 1):
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        found -= LR * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + EPS)
    return found


def same(found: Any, expected: Any) -> bool:
    """Compare with room for float32 and another order of operations; a fault is as large as a step."""
    found = np.asarray(found, np.float64)
    return found.shape == np.shape(expected) and np.allclose(found, expected, rtol=1e-4, atol=1e-4)
