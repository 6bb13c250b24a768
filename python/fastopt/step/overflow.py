"""Steps that would make a parameter or a state infinite: found out before anything is written.

Where gradient, scalars and parameter are all moderate no rule can overflow, which a few comparisons
tell. Where one of them is not, the step is tried on copies first, piece by piece.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.backends import Pass, backend
from fastopt.model import Row
from fastopt.numerics import computed, taken
from fastopt.rows import TakenRows, dense_of, summed
from fastopt.runtime import get_num_threads
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest
from fastopt.step.moderate import LIMIT, LIMITS, SCALARS
from fastopt.step.row_gradients import bind_all
from fastopt.step.storing import decoded

Array = NDArray[Any]

# Beyond, a number is so near the end of the range that later steps are tried too, however moderate.
WILD = {np.dtype(np.float32): 1e30, np.dtype(np.float64): 1e300}
PIECE = 1 << 20  # elements that are tried at a time


class Step(NamedTuple):
    """A step that is about to be taken."""

    bound: Bound
    due: StepRequest
    norms: Sequence[float]  # of the gradients, as they are given
    unscale: float
    factors: Sequence[float]  # of clipping
    rows: Sequence[Row | None]  # with the scale of the step
    row_of_each: Sequence[int]  # nothing where each parameter uses that of its step count
    extras: Pass


class Found(NamedTuple):
    """The outcome of a trial: a reason against the step, or none."""

    reason: str  # against it, or nothing
    wild: frozenset[int]  # parameters with numbers near the end of the range after the step


def look(step: Step) -> Found | None:
    """Try the step for each parameter that may overflow; return None where none may."""
    bound, wild = step.bound, step.bound.progress.wild
    largest = max(step.norms) * step.unscale
    calm = bound.risks.are_calm(bound.counts) and not bound.amplifies
    if calm and largest <= LIMIT and not wild:
        return None
    risks = _amplified(bound, bound.risks.found)
    if largest <= LIMIT and not wild and _decay_is_moderate(step, risks):
        return None
    still = [i for i in wild if step.due.gradients[i] is None]
    for i in _suspects(step, risks):
        outcome = _tried(step, i)
        if isinstance(outcome, str):
            return Found(outcome, wild)
        if outcome:
            still.append(i)
    return Found("", frozenset(still))


def _amplified(bound: Bound, risks: Sequence[float]) -> Sequence[float]:
    """Add the risk of what multiplies steps: like a decay, it can be as large as the parameter."""
    if not bound.amplifies:
        return risks
    largest = bound.amplification
    return [risk + (largest if largest <= SCALARS else math.inf) for risk in risks]


def _suspects(step: Step, risks: Sequence[float]) -> list[int]:
    """List the parameters with a gradient for which the step has to be tried."""
    bound = step.bound
    limits = [LIMITS[computed(p.dtype)] for p in bound.parameters.arrays]
    decays = [risks[count] for count in bound.count_of]
    weights = _weights(step, decays)
    norms = [
        norm * (step.unscale * factor) for norm, factor in zip(step.norms, step.factors, strict=True)
    ]
    return [
        i
        for i, (g, limit) in enumerate(zip(step.due.gradients, limits, strict=True))
        if g is not None
        and not (norms[i] <= limit and decays[i] * weights[i] <= limit and i not in bound.progress.wild)
    ]


def _decay_is_moderate(step: Step, risks: Sequence[float]) -> bool:
    """Return whether all that decays with its gradient is too small to be tried."""
    largest = max(risks)
    if largest == math.inf:
        return False
    count_of = step.bound.count_of
    decays = [risks[count] for count in count_of] if 0.0 in risks else [largest] * len(count_of)
    return largest * max(_norms(step, decays)) <= LIMIT


def _weights(step: Step, decays: Sequence[float]) -> Sequence[float]:
    """Compute the norms of the parameters that decay with their gradients; those of others are 1."""
    if decays.count(0.0) == len(decays):
        return [1.0] * len(decays)
    norms = _norms(step, decays)
    return [x if 0.0 < decay < math.inf else 1.0 for x, decay in zip(norms, decays, strict=True)]


def _norms(step: Step, decays: Sequence[float]) -> Sequence[float]:
    plan, arrays = step.bound.plan, step.bound.parameters.arrays
    asked = arrays
    if 0.0 in decays or math.inf in decays:
        asked = [p if 0.0 < d < math.inf else None for p, d in zip(arrays, decays, strict=True)]  # type: ignore[misc]
    plan.bind(asked, None, True)  # in place of the gradients, to be read by all threads
    sums = plan.sums_of_squares(get_num_threads())
    bind_all(plan, step.due.gradients, None, True, step.bound.forms)
    return list(map(math.sqrt, sums))


def _tried(step: Step, i: int) -> str | bool:
    """Try the step for one parameter on copies.

    Return what speaks against it, or whether it leaves numbers near the end of the range.
    """
    bound, row = step.bound, step.rows[(step.row_of_each or step.bound.count_of)[i]]
    assert row is not None
    name, p = bound.parameters.names[i], bound.parameters.arrays[i]
    rule = bound.rules[bound.parameters.group_of[i]]
    rule = rule if rule.is_ours else rule._replace(coefficients=type(row[1]))
    p, *values = decoded(bound, i, rule.kept)
    states = {f"state {s!r} of {name!r}": v for s, v in zip(rule.kept, values, strict=True)}
    beside = bound.followers.beside(i)
    scratch = [] if bound.scratches[i] is None else [bound.scratches[i]]
    whole = [p, *states.values(), *scratch, *beside]
    names = [f"parameter {name!r}", *states, *["the update of it"] * len(scratch)]
    names += ["the slow weights of it", "the average of it"]
    limit, wild = WILD[p.dtype], False
    gradient = step.due.gradients[i]
    if isinstance(gradient, TakenRows):
        rows, gradient = summed(gradient.indices, gradient.values, gradient.mask)
        whole = [None if array is None else array[rows] for array in whole]
    spreads = bound.spreads[i]
    for piece in _pieces(whole[0]) if not spreads else [...]:
        before = [None if array is None else array[piece] for array in whole]
        after = [None if array is None else np.array(array, order="K") for array in before]
        slow, average = [None if array is None else [array] for array in after[-2:]]
        plan = backend(bound.backend).make_plan([tuple(after[:-2])], [rule], [0], [spreads])
        if not (slow is average is None):
            plan.attach(slow, average, None)
        if bound.portions is not None:
            bound.portions.attach_piece(plan, i, piece, p[piece])
        plan.flush_subnormals(bound.settings["flush_subnormals"])
        g = taken(gradient[piece], p.dtype)  # which the plan knows by its address alone
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
                    return _reason(p, step.due.gradients[i], name, array[spoilt][0])
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


def _reason(p: Array, gradient: Array, name: str, value: Any) -> str:
    """Return what would become of which array, and the numbers that the step began with."""
    g = taken(dense_of(gradient, p), p.dtype)
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
