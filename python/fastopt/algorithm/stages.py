"""Stages, which stand around the rule in a sweep: gradient scale, clipping by value, decay, L1 penalty.

csrc/kernels/stages.hpp is the same text in C++, with the scalars in the same order. A stage has a part
before the rule, and one after it, which also sees what the parameter was.
"""

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

from fastopt.algorithm.elementwise import bounded, outward, select, sign

# The scalars of the stages, for one group and one step: usual, with cautious weight decay, with an L1
# penalty, with both.
DecayScalars = namedtuple("DecayScalars", "scale limit decay keep keep_after")
CautiousScalars = namedtuple("CautiousScalars", "scale limit shrink keep_after")
L1Scalars = namedtuple("L1Scalars", "scale limit decay keep keep_after slope threshold")
CautiousL1Scalars = namedtuple("CautiousL1Scalars", "scale limit shrink keep_after slope threshold")
StageScalars = DecayScalars | CautiousScalars | L1Scalars | CautiousL1Scalars

NOTHING = DecayScalars(1.0, math.inf, 0.0, 1.0, 1.0)


class Stage(NamedTuple):
    """A stage: ``before(p, g, s)`` makes the rule's p and g, ``after(p, old, s)`` the new parameter."""

    name: str
    scalars: type[StageScalars]
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


BARE = Stage("bare", DecayScalars, before_bare, after_bare)
DECOUPLED = Stage("decoupled", DecayScalars, before_decoupled, after_decoupled)
COUPLED = Stage("coupled", DecayScalars, before_coupled, after_decoupled)
CAUTIOUS = Stage("cautious", CautiousScalars, before_cautious, after_cautious)
L1 = Stage("l1", L1Scalars, before_l1, after_l1)
CAUTIOUS_L1 = Stage("cautious_l1", CautiousL1Scalars, before_cautious_l1, after_cautious_l1)

# In the order of csrc/kernels/kernel.hpp.
STAGES = (BARE, DECOUPLED, COUPLED, CAUTIOUS, L1, CAUTIOUS_L1)
USUAL = STAGES[:3]  # what a user's rule is compiled for before anyone asks


def stage_for(s: StageScalars) -> Stage:
    """Choose the stage: 0 * p is not 0 where p is infinite, so no decay is not a decay of 0."""
    if isinstance(s, DecayScalars):
        if s == NOTHING:
            return BARE
        return COUPLED if s.decay != 0.0 else DECOUPLED
    return next(stage for stage in STAGES if stage.scalars is type(s))
