"""Lookahead: slow weights, towards which the parameters are pulled every so many steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from fastopt.followers.base import Follower


class SlowWeights(Follower):
    """One array beside each parameter, to which the parameter is set after it has followed.

    It depends on the number of the step alone. A parameter that takes no part in a step stays, and its
    slow weights with it.
    """

    number = 8

    def __init__(self, steps: int, alpha: float, parameters: Sequence[NDArray[Any]]) -> None:
        super().__init__(parameters)
        self._steps = steps
        self._alpha = alpha

    def weights(self, step: int) -> tuple[float, float] | None:
        """Compute keep and take; see `Follower`."""
        return None if (step + 1) % self._steps else (1.0 - self._alpha, self._alpha)

    def left_fresh(self, gradients: Sequence[Any]) -> tuple[int, ...]:
        """List those whose parameters take no part; see `Follower`."""
        return tuple([i for i in self.fresh if gradients[i] is None])

    def is_fresh_at(self, steps: int, own_steps: int) -> bool:
        """Find out whether the parameter has taken no step; see `Follower`."""
        return own_steps == 0


def slow_weights_for(
    given: Mapping[str, Any], parameters: Sequence[NDArray[Any]]
) -> SlowWeights | None:
    """Make those that the settings ask for."""
    steps = given["lookahead_steps"]
    return None if steps is None else SlowWeights(steps, given["lookahead_alpha"], parameters)
