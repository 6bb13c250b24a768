"""Stages, which stand around the rule in a sweep: gradient scale, clipping by value, decay, L1 penalty.

csrc/kernels/stages.hpp is the same text in C++, with the scalars in the same order. A stage has a part
before the rule, and one after it, which also sees what the parameter was.
"""

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastopt.algorithm.elementwise import bounded, outward, select, sign

# The scalars of all stages, for one group and one step, after the number of the stage in STAGES;
# `agree` is for what is done between the parts of a stage: see `agreement`.
StageScalars = namedtuple(
    "StageScalars", "stage scale limit decay keep keep_after shrink slope threshold agree"
)


class Stage(NamedTuple):
    """A stage: ``before(p, g, s)`` makes the rule's p and g, ``after(p, old, s)`` the new parameter."""

    name: str
    before: Callable[[Any, Any, Any], Any]
    after: Callable[[Any, Any, Any], Any]


def before_bare(p: Any, g: Any, s: Any) -> Any:
    """Do nothing: what the others do with scalars that change nothing, in less time."""
    return p, g


def after_bare(p: Any, old: Any, s: Any) -> Any:
    """Do nothing."""
    return p


def before_decoupled(p: Any, g: Any, s: Any) -> Any:
    """Scale and limit the gradient; shrink the parameter, without a change of the gradient."""
    g = bounded(s.scale * g, s.limit)
    p = s.keep * p
    return p, g


def after_decoupled(p: Any, old: Any, s: Any) -> Any:
    """Shrink the parameter once more when the rule has updated it."""
    return s.keep_after * p


def before_coupled(p: Any, g: Any, s: Any) -> Any:
    """Scale and limit the gradient and add that of decay / 2 * p * p to it."""
    g = bounded(s.scale * g, s.limit)
    g = g + s.decay * p
    p = s.keep * p
    return p, g


def before_cautious(p: Any, g: Any, s: Any) -> Any:
    """Scale and limit the gradient."""
    g = bounded(s.scale * g, s.limit)
    return p, g


def after_cautious(p: Any, old: Any, s: Any) -> Any:
    """Shrink the parameter where the rule has not moved it away from zero."""
    away = outward(p, old)
    p = select(away, p, p - s.shrink * old)
    return select(away, p, s.keep_after * p)


def before_l1(p: Any, g: Any, s: Any) -> Any:
    """Add the gradients of decay / 2 * p * p and of slope * |p|; shrink the parameter."""
    g = bounded(s.scale * g, s.limit)
    g = g + s.decay * p
    g = g + s.slope * sign(p)
    p = s.keep * p
    return p, g


def after_l1(p: Any, old: Any, s: Any) -> Any:
    """Move the parameter towards zero by the threshold and no further; shrink it."""
    p = p - bounded(p, s.threshold)
    return s.keep_after * p


def before_cautious_l1(p: Any, g: Any, s: Any) -> Any:
    """Add the gradient of slope * |p|."""
    g = bounded(s.scale * g, s.limit)
    g = g + s.slope * sign(p)
    return p, g


def after_cautious_l1(p: Any, old: Any, s: Any) -> Any:
    """Shrink the parameter where the rule has not moved it away from zero; apply the threshold."""
    away = outward(p, old)
    p = select(away, p, p - s.shrink * old)
    p = p - bounded(p, s.threshold)
    return select(away, p, s.keep_after * p)


def cautious_step(p: Any, old: Any, g: Any, agree: Any) -> Any:
    """Multiply the rule's step from `old` to p where it goes along the gradient; leave out the rest.

    What is not finite does not vanish: it becomes NaN.
    """
    step = old - p
    return old - select(step * g > 0, agree * step, step - step)


def step_along(p: Any, old: Any, g: Any, agree: Any) -> Any:
    """Change the signs of the rule's step from `old` to p to those of the gradient."""
    return old - sign(g) * np.abs(old - p)


def agreement(agree: float) -> Callable[[Any, Any, Any, Any], Any] | None:
    """Return what makes a step agree with the gradient that the rule is given, by the scalar for it."""
    if agree == 0.0:
        return None
    return cautious_step if agree > 0.0 else step_along


# In the order of csrc/kernels/kernel.hpp.
STAGES = (
    Stage("bare", before_bare, after_bare),
    Stage("decoupled", before_decoupled, after_decoupled),
    Stage("coupled", before_coupled, after_decoupled),
    Stage("cautious", before_cautious, after_cautious),
    Stage("l1", before_l1, after_l1),
    Stage("cautious_l1", before_cautious_l1, after_cautious_l1),
)
BARE, DECOUPLED, COUPLED, CAUTIOUS, L1, CAUTIOUS_L1 = range(len(STAGES))

NOTHING = StageScalars(BARE, 1.0, math.inf, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
ALONG_THE_GRADIENT = -1.0  # the `agree` of steps that keep their length alone
LARGEST_AGREE = 1000.0  # what a cautious step is multiplied by at most


def of_the_gradient(s: StageScalars) -> StageScalars:
    """Leave out what a stage does to the parameter."""
    if s.stage == BARE or (s.stage in (DECOUPLED, CAUTIOUS) and s.scale == 1.0 and s.limit == math.inf):
        return NOTHING
    return s._replace(keep=1.0, keep_after=1.0, shrink=0.0, threshold=0.0, agree=0.0)


def kept_before(s: StageScalars) -> float:
    """Return the share of the parameter that a stage leaves to the rule."""
    return 1.0 if s.stage in (CAUTIOUS, CAUTIOUS_L1) else abs(s.keep)


def scaled(s: StageScalars, factor: float) -> StageScalars:
    """Multiply the gradient's scale."""
    return s if factor == 1.0 else s._replace(scale=s.scale * factor, stage=s.stage or DECOUPLED)
