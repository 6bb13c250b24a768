"""A quick look at whether the numbers of a step are so moderate that no rule can overflow."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from fastopt.algorithm import StageScalars, Values
from fastopt.model import Row, StepCount
from fastopt.numerics import NotRecordedError

# Up to here, products of four such numbers are in range, and squares of them, added to the largest
# number that there is, are rounded away: float32 ends at 3.4e38, half an ulp of which is 1e31.
LIMITS = {np.dtype(np.float32): 1e9, np.dtype(np.float64): 1e75}
LIMIT = min(LIMITS.values())
SCALARS = 1e9  # of whatever dtype: a step with larger ones is tried, and it costs time alone
EPS = 1e-20  # what is divided by less can leave the range, moderate as it may be

# What coefficients are called that keep a state; that are added to a divisor; and one that decays.
_KEEPS = ("mu", "beta", "beta1", "beta2", "alpha", "rho")
_EPS = ("eps", "eps_root", "eps_norm")
_DECAY = "decay"


class Risks:
    """The risks of the rows of scalars, found anew where hyperparameters or parameters have changed.

    Those of fastopt's own algorithms are largest at the first step; those of others are always looked
    at.
    """

    def __init__(self, ours: bool) -> None:
        self._ours = ours
        self._of: list[Values | None] | None = None
        self._are_calm = False
        self.found: list[float] = []  # for each row

    def are_calm(self, counts: Sequence[StepCount]) -> bool:
        """Find the risk of the row of each step count; return whether all are 0."""
        values = [count.group.computed if count.active else None for count in counts]
        if values != self._of:
            self.found = [risk(count.row(), self._ours) for count in counts]
            self._are_calm = self.found.count(0.0) == len(counts)
            self._of = values if self._ours else None
        return self._are_calm


def check_calm(stage: StageScalars, coefficients: Any) -> None:
    """Raise for scalars, of an algorithm of ours, that have a risk: Python looks at such steps."""
    if risk((stage, coefficients), True) != 0.0:
        raise NotRecordedError


class _Roles(NamedTuple):
    keeps: Callable[[Any], tuple[float, ...]]
    eps: Callable[[Any], tuple[float, ...]]
    has_eps: bool
    decays: bool


def risk(row: Row | None, ours: bool) -> float:
    """Return 0 for moderate scalars, the coupled decay where there is one, and infinity for others."""
    if row is None:
        return 0.0
    stage, c = row
    kind = _roles(type(c))
    try:
        size, kept = sum(map(abs, c)), max(kind.keeps(c))
        if not size <= SCALARS or kept > 1.0 or (kind.has_eps and sum(kind.eps(c)) < EPS):
            return math.inf
    except TypeError:  # of a user's rule, which may have words for numbers
        return math.inf
    decay = _decay(stage)
    if kind.decays:
        return decay + c.decay  # type: ignore[attr-defined,no-any-return]
    # SGD: nothing is squared, and the buffer is no larger than a share of the parameter.
    linear = ours and not kind.has_eps
    return 0.0 if linear and size <= 10.0 and decay <= 0.01 * (1.0 - kept) else decay


def _decay(stage: StageScalars) -> float:
    """Return the coupled decay of a stage, infinity where it makes parameters larger, or is large."""
    _, _, _, decay, keep, keep_after, shrink, slope, threshold, _ = stage
    kept = -1.0 <= keep <= 1.0 and -1.0 <= keep_after <= 1.0
    calm = kept and decay >= 0.0 and decay + abs(shrink) + abs(slope) + abs(threshold) <= SCALARS
    return decay if calm else math.inf


@cache
def _roles(kind: type) -> _Roles:
    names: Sequence[str] = getattr(kind, "_fields", ())
    eps = [k for k, name in enumerate(names) if name in _EPS]
    keeps = [k for k, name in enumerate(names) if name in _KEEPS]
    return _Roles(_getter(keeps), _getter(eps), bool(eps), _DECAY in names)


def _getter(places: list[int]) -> Callable[[Any], tuple[float, ...]]:
    if not places:
        return lambda c: (0.0,)
    if len(places) == 1:
        only = places[0]
        return lambda c: (c[only],)
    return itemgetter(*places)
