"""What rides along in the sweep around the rule: gradient scale, clipping by value and weight decay.

csrc/stages.hpp is the same text in C++, with the scalars in the same order.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from fastopt.elementwise import bounded
from fastopt.hyperparameters import Values

StageFunction = Callable[[Any, Any, Any], Any]


class StageScalars(NamedTuple):
    """The scalars of the stages, for one group and one step."""

    scale: float
    limit: float
    decay: float
    keep: float
    keep_after: float


NOTHING = StageScalars(1.0, math.inf, 0.0, 1.0, 1.0)


def scalars(h: Values) -> StageScalars:
    """Compute them from the hyperparameters of a group."""
    limit = math.inf if h.clipvalue is None else h.clipvalue
    found = NOTHING._replace(scale=-1.0 if h.maximize else 1.0, limit=limit)
    kind = h.decoupled_weight_decay
    if h.weight_decay == 0.0:
        return found
    if kind is False:
        return found._replace(decay=h.weight_decay)
    keep = 1.0 - h.weight_decay * (1.0 if kind == "fixed" else h.lr)
    return found._replace(**{"keep_after" if kind == "after" else "keep": keep})


def bare(p: Any, g: Any, s: Any) -> Any:
    """Do nothing: what the others do with scalars that change nothing, in less time."""
    return p, g


def decoupled(p: Any, g: Any, s: Any) -> Any:
    """Scale and limit the gradient; shrink the parameter, of which the gradient does not know."""
    g = bounded(s.scale * g, s.limit)
    p = s.keep * p
    return p, g


def coupled(p: Any, g: Any, s: Any) -> Any:
    """Scale and limit the gradient and add that of decay / 2 * p * p to it."""
    g = bounded(s.scale * g, s.limit)
    g = g + s.decay * p
    p = s.keep * p
    return p, g


def after(p: Any, s: Any) -> Any:
    """Shrink the parameter once more when the rule has updated it."""
    return s.keep_after * p


def stage_for(s: StageScalars) -> StageFunction:
    """Choose the text: 0 * p is not 0 where p is infinite, so no decay is not a decay of 0."""
    if s == NOTHING:
        return bare
    return coupled if s.decay != 0.0 else decoupled
