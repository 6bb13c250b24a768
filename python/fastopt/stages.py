"""What rides along in the sweep before the rule: gradient scale and weight decay.

csrc/stages.hpp is the same text in C++, with the scalars in the same order.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

StageFunction = Callable[[Any, Any, Any], Any]


class StageScalars(NamedTuple):
    """The scalars of the stages, for one group and one step."""

    scale: float
    decay: float
    keep: float


NOTHING = StageScalars(1.0, 0.0, 1.0)


def scalars(h: SimpleNamespace) -> StageScalars:
    """Compute them from the hyperparameters of a group."""
    if h.weight_decay == 0.0 and not h.maximize:
        return NOTHING
    scale = -1.0 if h.maximize else 1.0
    if h.decoupled_weight_decay:
        return StageScalars(scale, 0.0, 1.0 - h.lr * h.weight_decay)
    return StageScalars(scale, h.weight_decay, 1.0)


def decoupled(p: Any, g: Any, s: Any) -> Any:
    """Scale the gradient; shrink the parameter, of which the gradient does not know."""
    g = s.scale * g
    p = s.keep * p
    return p, g


def coupled(p: Any, g: Any, s: Any) -> Any:
    """Scale the gradient and add that of decay / 2 * p * p to it."""
    g = s.scale * g
    g = g + s.decay * p
    p = s.keep * p
    return p, g


def stage_for(s: StageScalars) -> StageFunction:
    """Choose the text: 0 * p is not 0 where p is infinite, so no decay is not a decay of 0."""
    return coupled if s.decay != 0.0 else decoupled
