"""Everything that can be wrong with what an optimizer is given: tables of faults, and what runs them.

``python -m faults native 0 1 report.json now.txt`` runs all of them on a backend, in guarded memory.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]
SHAPE = (3, 4)


class Fault(NamedTuple):
    """How to make something bad of a good array, and what must be said about it."""

    name: str
    make: Callable[[Array], Any]
    error: type[Exception]
    words: tuple[str, ...] = ()
