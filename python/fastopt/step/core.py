"""The inside of an optimizer: its gate, and what it is bound to."""

from typing import Any

from fastopt.model import Gate
from fastopt.step.bound import Bound


class Core:
    """The gate, and what it guards, which is replaced as a whole.

    What an optimizer does is in functions of the rooms, which are given its core.
    """

    __slots__ = ("__weakref__", "bound", "evaluation", "gate")

    bound: Bound
    evaluation: Any  # of eval mode, None where the optimizer is in training

    def __init__(self) -> None:
        self.gate = Gate()
        self.evaluation = None


def core_of(opt: Any) -> Core:
    """Return the core of an optimizer."""
    core: Core = opt._core
    return core
