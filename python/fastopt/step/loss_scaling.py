"""Dynamic loss scaling, by the rule and the defaults of ``torch.amp.GradScaler``.

The loss is multiplied by a scale, so that small gradients do not vanish in 16 bits; the step divides by
it. Where a gradient overflows, the step is left out and the scale is halved; after a number of good
steps it is doubled.
"""

from collections.abc import Mapping
from typing import Any

from fastopt.algorithm import POSITIVE
from fastopt.model import Change
from fastopt.runtime import whole

START = 65536.0
GROWTH = 2.0
BACKOFF = 0.5
INTERVAL = 2000  # good steps in a row before the scale grows
LARGEST = (2.0 - 2.0**-23) * 2.0**127  # of float32: beyond it, it does not grow
SMALLEST = 2.0**-126


class LossScale:
    """The scale, fixed or dynamic."""

    def __init__(self, given: float | str) -> None:
        self.dynamic = isinstance(given, str)
        self.value = START if isinstance(given, str) else given
        self._good = 0

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"value": self.value, "good_steps": self._good}

    def restored(self, state: Mapping[str, Any]) -> "LossScale":
        """Return one in that state, if it is dynamic; raise TypeError or ValueError for no state."""
        if not self.dynamic:
            return self
        found = LossScale("dynamic")
        found.value = POSITIVE.check(state["value"], "the loss scale")
        found._good = whole(state["good_steps"], "the number of good steps", 0, INTERVAL)
        return found

    def changes(self, finite: bool) -> list[Change]:
        """List what changes with a step, taken or left out."""
        if not self.dynamic:
            return []
        good = self._good + 1
        if finite and good < INTERVAL:
            return [(self, "_good", good)]
        grown = self.value * GROWTH
        if finite:
            value = grown if grown <= LARGEST else self.value
        else:
            value = max(self.value * BACKOFF, SMALLEST)
        return [(self, "value", value), (self, "_good", 0)]
