"""A step that does more than update: what its gradients are read for first, and what is decided then.

Everything that can fail is here, before the sweep; nothing has changed until it begins.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastopt.algorithm import scaled
from fastopt.backends import BOUND, UNLISTED, Listed
from fastopt.model import Change, Row
from fastopt.runtime import get_num_threads
from fastopt.step import decide, overflow, whole
from fastopt.step.accumulator import check_nothing_waits
from fastopt.step.binding import prepare, record
from fastopt.step.bound import Bound, Core
from fastopt.step.cautious import cautious_rows
from fastopt.step.directions import rows_of_measured
from fastopt.step.due import StepRequest
from fastopt.step.estimates import check_estimated
from fastopt.step.gradients import bind_gradients, readable
from fastopt.step.loss import loss_of, not_finite
from fastopt.step.norms import norms_of
from fastopt.step.report import reports
from fastopt.step.row_gradients import changes_of_rows
from fastopt.step.transforms import left

_ARRAYS = frozenset((np.ndarray, type(None)))


def step(core: Core, grads: Any, found: int, loss: Any = None) -> bool:
    """Take a step that the plan cannot take by itself, which has returned `found`.

    Returns whether it was taken.
    """
    bound = core.bound
    number = loss_of(bound, loss)
    gradients, now = bound.leaves(grads), bound.parameters.now()
    given = gradients
    if found == UNLISTED or found >= 0:  # of another library, perhaps
        gradients = readable(bound.parameters, given)
    if found == UNLISTED or gradients is not given:
        threads, listed = get_num_threads(), Listed((None,) * len(gradients), now)
        if (
            bound.plan.step(gradients, listed, bound.counts, threads, bound.progress, bound.program)
            == BOUND
        ):
            return True
    if core.bound.scheduled and not core.bound.prepared:
        prepare(core)
    gradients = bind_gradients(core, gradients, now, core.bound.forms, takes_rows=True)
    bound = core.bound
    record(bound)
    if bound.sums is not None:
        check_nothing_waits(bound.sums)
    return take(bound, gradients, 1, bound.settings["zero_grads"], loss=number)


def take(
    bound: Bound,
    gradients: Sequence[Any],
    added: float,
    zero: bool,
    anyway: Sequence[Change] = (),
    loss: float | None = None,
) -> bool:
    """Take the step with gradients that are bound, and that live until then.

    They are sums of `added` gradients, and zeroed when they have been read if that is asked for. What
    changes `anyway` does so where the step is left out, too. Returns whether it was taken.
    """
    check_estimated(bound)
    rows = [count.row() for count in bound.counts]
    changes = [change for count in bound.counts for change in count.changes()]
    changes.append((bound.progress, "steps", bound.progress.steps + 1))
    changes += changes_of_rows(gradients)
    if bound.plain and not zero and added == 1:
        bound.plan.run(rows, get_num_threads(), None, changes)
        return True
    if not _ARRAYS.issuperset(map(type, gradients)):  # such as tensors, which the plan reads by itself
        gradients = readable(bound.parameters, gradients)
    changes += anyway
    return _decided(bound, StepRequest(rows, gradients, added, zero, changes, anyway, loss, gradients))


def _decided(bound: Bound, due: StepRequest) -> bool:
    """Read what has to be known of all gradients, decide, and sweep."""
    given, threads, arrays = bound.settings, get_num_threads(), bound.parameters.arrays
    plan, progress = bound.plan, bound.progress
    unscale = 1.0 / (progress.scale.value * due.added)
    factors = [1.0] * len(due.gradients)
    changes: list[Change] = [*due.changes, (progress, "report", None)]
    if bound.transforms is not None:
        due, kept = bound.transforms.apply(bound, due, unscale)
        changes += kept
    clips = [group.h.clipnorm for group in bound.groups]
    norms, norm = None, 0.0
    if bound.reads:
        norms = norms_of(plan.sums_of_squares(threads), due.gradients, arrays)
        norm = norms.of(range(len(factors))) * unscale
        if bound.guarded and any(norms.nonfinite):
            complaint = partial(decide.not_finite, bound.parameters, norms, due)
            return decide.leave_out(bound, due, norm, complaint)
        if due.loss is not None and not math.isfinite(due.loss):
            return decide.leave_out(bound, due, norm, partial(not_finite, due.loss))
        changes.append((progress, "grad_norm", norm))
        factors = decide.clip_factors(bound, norms, norm, unscale, clips)
    extras = whole.extras(bound.followers, progress.steps, due.zero, norms is not None)
    rows, row_of_each = _scaled(bound, due.rows, unscale, factors)
    if bound.measures:
        measured, row_of_each, carried, spoilt = rows_of_measured(bound, due, rows, row_of_each)
        if spoilt:
            return decide.leave_out(bound, due, norm, partial(overflow.complaint, spoilt))
        rows = list(measured)
        changes += carried
    if bound.is_cautious:
        rows, row_of_each = cautious_rows(bound, due, rows, row_of_each)
    if bound.guarded and norms is not None:
        step = overflow.Step(bound, due, norms.each, unscale, factors, rows, row_of_each, extras)
        found = overflow.look(step)
        if found is not None:
            if found.reason:
                return decide.leave_out(bound, due, norm, partial(overflow.complaint, found.reason))
            changes.append((progress, "wild", found.wild))
    changes += progress.taken()
    changes += bound.followers.begin(arrays, due.gradients)
    if given["stats"]:
        assert norms is not None
        sums = plan.run_with_sums(rows, threads, extras, changes, row_of_each)
        progress.report = reports(bound.parameters.group_of, norms, unscale, factors, sums)
    else:
        plan.run(rows, threads, extras, changes, row_of_each)
    decide.zero(left(due))
    return True


def _scaled(
    bound: Bound, rows: list[Row | None], unscale: float, factors: list[float]
) -> tuple[list[Row | None], Sequence[int]]:
    """Put the factors into the scale of each count's row, or of each array's where they differ."""
    row_of_each: Sequence[int] = ()
    if len(set(factors)) > 1:
        rows, row_of_each = [rows[k] for k in bound.count_of], range(len(bound.count_of))
    else:
        factors = factors[:1] * len(rows)
    pairs = zip(rows, factors, strict=True)
    return [row and (scaled(row[0], unscale * factor), row[1]) for row, factor in pairs], row_of_each
