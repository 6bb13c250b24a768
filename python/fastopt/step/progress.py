"""The progress of an optimizer: what its steps change besides arrays and their own counts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastopt.model import Change
from fastopt.step.loss_scaling import LossScale
from fastopt.step.skipping import Skips

if TYPE_CHECKING:
    from fastopt.step.report import GroupReport


class Progress:
    """The number of steps, those that were left out, the loss scale, and what was measured last."""

    def __init__(self, loss_scale: float | str) -> None:
        self.steps = 0
        self.skips = Skips()
        self.scale = LossScale(loss_scale)
        # For algorithms that measure all parameters, by their names.
        self.carried: Mapping[str, Mapping[str, float]] = {}
        self.grad_norm: float | None = None
        self.report: list[GroupReport] | None = None
        self.wild: frozenset[int] = frozenset()  # parameters near the end of the range of their dtype

    def taken(self) -> list[Change]:
        """List what changes with a step that is taken, besides its count."""
        ended = [self.skips.ended()] if self.skips.in_a_row else []
        return ended + self.scale.changes(finite=True)
