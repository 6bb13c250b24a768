"""Steps that would make a parameter or a state infinite: found out before anything is written.

Where gradient, scalars and parameter are all moderate no rule can overflow, which a few comparisons
tell. Where one of them is not, the step is tried on copies first, piece by piece.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.backends import Extras, Plan, Row, backend
from fastopt.casting import taken
from fastopt.rules import Rule
from fastopt.threads import get_num_threads

if TYPE_CHECKING:
    from fastopt.pipeline import Due

Array = NDArray[Any]

# Up to here, products of four such numbers are in range, and squares of them, added to the largest
# number that there is, are rounded away: float32 ends at 3.4e38, half an ulp of which is 1e31.
MODERATE = {np.dtype(np.float32): 1e9, np.dtype(np.float64): 1e75}
SCALARS = 1e9  # of whatever dtype: what is larger is tried, and it costs time alone
EPS = 1e-20  # below, a moderate number that is divided by it can be out of range
# Beyond, a number is so near the end of the range that later steps are tried too, however moderate.
WILD = {np.dtype(np.float32): 1e30, np.dtype(np.float64): 1e300}
PIECE = 1 << 20  # elements that are tried at a time

# What coefficients are called that keep a state, that are added to a divisor, that decay.
_KEEPS = frozenset(("mu", "beta", "beta1", "beta2", "alpha", "rho"))
_EPS = frozenset(("eps", "eps_root", "eps_norm"))
_LIMIT = 2  # the scalars of the stage before it can be infinite: gradient scale, and limit


class Bound(NamedTuple):
    """What is bound to the plan for one parameter."""

    backend: str
    rule: Rule
    written: list[tuple[str, Array]]  # parameter and states, with what messages call them
    slow: Array | None
    average: Array | None


class Step(NamedTuple):
    """A step that is about to be taken."""

    plan: Plan
    arrays: Sequence[Array]
    due: "Due"
    norms: Sequence[float]  # of the gradients, as they are given
    unscale: float
    factors: Sequence[float]  # of clipping
    rows: Sequence[Row | None]  # with the scale of the step
    row_of: Sequence[int]  # nothing where each parameter uses that of its cohort
    extras: Extras
    flush: bool  # subnormal numbers


class Found(NamedTuple):
    """What has been found out about a step."""

    reason: str  # against it, or nothing
    wild: frozenset[int]  # parameters with numbers near the end of the range after the step


def look(step: Step, wild: frozenset[int]) -> Found:
    """Try the step for each parameter that may overflow; `wild` is as it was found before the step."""
    still = [i for i in wild if step.due.gradients[i] is None]
    for i in _suspects(step, wild):
        outcome = _tried(step, i)
        if isinstance(outcome, str):
            return Found(outcome, wild)
        if outcome:
            still.append(i)
    return Found("", frozenset(still))


def _suspects(step: Step, wild: frozenset[int]) -> list[int]:
    """List the parameters with a gradient for which the step has to be tried."""
    risks = [_risk(row) for row in step.due.rows]
    largest = max(step.norms, default=0.0) * step.unscale
    if largest <= MODERATE[np.dtype(np.float32)] and not wild and risks.count(0.0) == len(risks):
        return []
    limits = [MODERATE[p.dtype] for p in step.arrays]
    decays = [risks[cohort] for cohort in step.due.cohort_of]
    norms = [
        norm * (step.unscale * factor) for norm, factor in zip(step.norms, step.factors, strict=True)
    ]
    weights = _weights(step, decays)
    return [
        i
        for i, (g, limit) in enumerate(zip(step.due.gradients, limits, strict=True))
        if g is not None
        and not (norms[i] <= limit and decays[i] * weights[i] <= limit and i not in wild)
    ]


def _risk(row: Row | None) -> float:
    """Return 0 for moderate scalars, the coupled decay where there is one, and infinity for others."""
    if row is None:
        return 0.0
    stage, c = row
    keeps, eps, decays = _roles(type(c))
    try:
        moderate = sum(map(abs, c)) + sum(map(abs, stage[_LIMIT:])) <= SCALARS
    except TypeError:  # of a user's rule, which may have words for numbers
        return math.inf
    kept = getattr(stage, "keep", 1.0), stage.keep_after, 1.0 - getattr(stage, "shrink", 0.0)
    grows = max(map(abs, kept)) > 1.0 or (keeps and max(c[k] for k in keeps) > 1.0)
    if not moderate or grows or (eps and sum(c[k] for k in eps) < EPS):
        return math.inf
    decay: float = getattr(stage, "decay", 0.0) + sum(c[k] for k in decays)
    return decay


@cache
def _roles(kind: type) -> tuple[list[int], list[int], list[int]]:
    """Find the coefficients that keep a state, are added to a divisor, or decay."""
    names: Sequence[str] = getattr(kind, "_fields", ())
    return (
        [k for k, name in enumerate(names) if name in _KEEPS],
        [k for k, name in enumerate(names) if name in _EPS],
        [k for k, name in enumerate(names) if name == "decay"],
    )


def _weights(step: Step, decays: Sequence[float]) -> Sequence[float]:
    """Compute the norms of the parameters that decay with their gradients; those of others are 1."""
    if decays.count(0.0) == len(decays):
        return [1.0] * len(decays)
    asked = [
        p if 0.0 < decay < math.inf else None for p, decay in zip(step.arrays, decays, strict=True)
    ]
    step.plan.bind(asked, None, True)  # in place of the gradients, to be read by all threads
    sums = step.plan.sums_of_squares(get_num_threads())
    step.plan.bind(step.due.gradients, None, True, step.due.taking)
    return [1.0 if p is None else math.sqrt(square) for p, square in zip(asked, sums, strict=True)]


def _tried(step: Step, i: int) -> str | bool:
    """Take the step for one parameter on copies.

    Return what speaks against it, or whether it leaves numbers near the end of the range.
    """
    bound, row = step.due.bound(i), step.rows[(step.row_of or step.due.cohort_of)[i]]
    assert row is not None
    rule = bound.rule if bound.rule.is_ours else bound.rule._replace(coefficients=type(row[1]))
    limit, wild = WILD[step.arrays[i].dtype], False
    names = [name for name, _ in bound.written] + ["the slow weights of it", "the average of it"]
    for piece in _pieces(step.arrays[i]):
        given = [*(array for _, array in bound.written), bound.slow, bound.average]
        before = [None if array is None else array[piece] for array in given]
        after = [None if array is None else np.array(array, order="K") for array in before]
        slow, average = [None if array is None else [array] for array in after[-2:]]
        plan = backend(bound.backend).make_plan([tuple(after[:-2])], [rule], [0])
        if not (slow is average is None):
            plan.attach(slow, average, None, [])
        plan.flush_subnormals(step.flush)
        g = taken(step.due.gradients[i][piece], step.arrays[i].dtype)
        plan.bind([g], None, True)
        plan.run([row], get_num_threads(), step.extras._replace(zero=False, backwards=False))
        for name, array in zip(names, after, strict=True):
            if array is None:
                continue
            if not np.isfinite(array).all():
                spoilt = ~np.isfinite(array)
                for each in before:  # what was not finite before is nothing new
                    spoilt &= True if each is None else np.isfinite(each)
                if spoilt.any():
                    return _reason(step, i, name, array[spoilt][0])
            wild = wild or not bool(np.abs(array).max(initial=0.0) <= limit)
    return wild


def _pieces(p: Array) -> Iterator[Any]:
    """List indices of pieces that are contiguous as p is."""
    if p.ndim == 0 or p.size <= PIECE:
        yield ...
        return
    along = p.shape[0] if p.flags.c_contiguous else p.shape[-1]
    length = max(1, along * PIECE // p.size)
    for begin in range(0, along, length):
        part = slice(begin, begin + length)
        yield part if p.flags.c_contiguous else (..., part)


def _reason(step: Step, i: int, name: str, value: Any) -> str:
    """Say what would become of which array, and what the step had to do with."""
    p = step.arrays[i]
    g = taken(step.due.gradients[i], p.dtype)
    at = np.unravel_index(int(np.argmax(np.abs(g))), g.shape)
    where = f" at {tuple(int(k) for k in at)}" if at else ""
    return (
        f"the step would make {name} {'NaN' if np.isnan(value) else 'infinite'}, though all is finite "
        f"before: the largest entry of the gradient is {g[at]:g}{where}, and of the parameter "
        f"{np.max(np.abs(p)):g}"
    )


def complaint(reason: str, raises: bool) -> str:
    """Put the reason into a message; of an error for this step alone with what can be done."""
    if not raises:
        return reason
    return (
        f"{reason}. Nothing has been updated; clipnorm= or clipvalue= limit gradients, a lower lr and "
        "an eps that is not 0 limit steps; nonfinite='skip' leaves such steps out, and 'propagate' "
        "takes them"
    )
