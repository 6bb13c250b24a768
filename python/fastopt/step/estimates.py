"""Estimates of the Hessian's diagonal, taken into the state that keeps their mean."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastopt import backends
from fastopt.algorithm import NOTHING, RuleFunction, Values, rule_of
from fastopt.backends import PLAIN_PASS, GradientForms
from fastopt.model import Change, Row
from fastopt.numerics import computed
from fastopt.runtime import describe, get_num_threads
from fastopt.step import decide
from fastopt.step.binding import changed, install, prepare
from fastopt.step.bound import Bound, Core
from fastopt.step.gradients import readable, take_part
from fastopt.step.norms import norms_of


class Estimator:
    """A plan with states in place of parameters, for the rules by which they take estimates."""

    def __init__(self, bound: Bound, rules: Sequence[RuleFunction | None]) -> None:
        self.rules = rules  # one for each group
        group_of = bound.parameters.group_of
        self.numbers = [i for i, group in enumerate(group_of) if rules[group] is not None]
        arrays, chosen = [], []
        for i in self.numbers:
            group = bound.groups[group_of[i]]
            rule = rules[group_of[i]]
            assert rule is not None
            arrays.append((bound.states[i][group.kind.takes_estimate],))
            chosen.append(rule_of(rule))
        self.plan = backends.backend(bound.backend).make_plan(arrays, chosen, [0] * len(arrays))


def estimate(core: Core, given: Any) -> bool:
    """Mix estimates into their means; return whether that was done."""
    bound = prepare(core)
    _check_takes(bound, given)
    casts = bound.settings["cast_grads"]
    leaves = bound.parameters.gradients(given, "the estimate")
    estimates = readable(bound.parameters, bound.parameters.gradient_sums.of(leaves, casts), "estimate")
    _check_groups(bound, estimates)
    pairs = zip(estimates, bound.frozen, strict=True)
    estimates = [None if frozen else h for h, frozen in pairs]
    estimator = _estimator(core)
    plan, mine = estimator.plan, [estimates[i] for i in estimator.numbers]
    forms = GradientForms(False, True) if casts else None
    if plan.bind(mine, None, False, forms) >= 0:
        bound.parameters.explain(estimates, bound.hold, casts, kind="estimate")
        # Nothing is wrong: a strided one only reaches across memory that is written.
        if plan.bind(mine, None, True, forms) >= 0:
            raise RuntimeError("the estimates cannot be taken")
    if bound.guarded and not _is_good(bound, estimator, estimates):
        return False
    kinds = [bound.groups[number].kind for number in bound.parameters.group_of]
    there = [h is not None or not kind.takes_estimate for h, kind in zip(estimates, kinds, strict=True)]
    bound = take_part(core, None if all(there) else there)
    rows, changes = _rows(bound)
    row_of = [bound.count_of[i] for i in estimator.numbers]
    plan.run(rows, get_num_threads(), PLAIN_PASS, changes, row_of)
    bound.living.clear()  # rows have states now that a step can change
    if not bound.direct:
        core.bound = changed(bound)  # the first estimates may have been all that it waited for
    return True


def _check_takes(bound: Bound, given: Any) -> None:
    if not bound.needs_estimate:
        raise TypeError(
            f"{bound.kind.__name__} takes no estimate of the Hessian; AdaHessian and Sophia do: give "
            "gradients alone, opt.step(grads)"
        )
    if given is None or callable(given):
        raise TypeError(
            f"the estimate is {describe(given)}; it must be arrays in the structure of the parameters, "
            "opt.estimate(h)"
        )


def _check_groups(bound: Bound, estimates: Sequence[Any]) -> None:
    parameters = bound.parameters
    for h, name, number in zip(estimates, parameters.names, parameters.group_of, strict=True):
        group = bound.groups[number]
        if h is not None and not group.kind.takes_estimate:
            raise TypeError(
                f"the estimate has an array for {name!r}, which is in a group with {group.algorithm}, "
                "and that takes none: give None in its place"
            )


def _estimator(core: Core) -> Estimator:
    """Return the plan for the rules that the groups ask for now."""
    bound = core.bound
    rules = [group.kind.estimate_rule(group.h) for group in bound.groups]
    found: Estimator | None = bound.estimator
    if found is None or found.rules != rules:
        found = Estimator(bound, rules)
        install(core, bound.but(estimator=found))
    return found


def _rows(bound: Bound) -> tuple[list[Row | None], list[Change]]:
    """Compute the scalars for each step count, and list what changes besides the states."""
    rows: list[Row | None] = []
    changes: list[Change] = []
    for count in bound.counts:
        kind = count.group.kind
        if not (count.active and kind.takes_estimate):
            rows.append(None)
            continue
        carried = Values(**count.carried)
        rows.append((NOTHING, kind.estimated(count.group.computed, carried)))
        changes.append((count, "carried", vars(carried)))
    return rows, changes


def _is_good(bound: Bound, estimator: Estimator, estimates: Sequence[Any]) -> bool:
    """Return whether all are finite and have finite squares; raise where that is asked for."""
    parameters = bound.parameters
    each = [0.0] * len(estimates)
    sums = estimator.plan.sums_of_squares(get_num_threads())
    for i, total in zip(estimator.numbers, sums, strict=True):
        each[i] = total
    norms = norms_of(each, estimates, parameters.arrays)
    complaint = ""
    if any(norms.nonfinite):
        complaint = decide.complaint(parameters, norms, estimates, "estimate")
    for name, p, norm in zip(parameters.names, parameters.arrays, norms.each, strict=True):
        dtype = computed(p.dtype)
        if not complaint and norm > 0.5 * math.sqrt(np.finfo(dtype).max):  # of rounded squares
            complaint = (
                f"the estimate of {name!r} has the norm {norm:g}, and its squares would be infinite. "
                "Nothing has been updated; nonfinite='skip' leaves such estimates out, and 'propagate' "
                "takes them"
            )
    if complaint and bound.settings["nonfinite"] == "raise":
        raise FloatingPointError(complaint)
    return not complaint


def check_estimated(bound: Bound) -> None:
    """Raise RuntimeError for a parameter of this step whose algorithm waits for its first estimate."""
    if not bound.needs_estimate:
        return
    for k in bound.without_estimate:
        group = bound.counts[k].group
        if bound.counts[k].active and group.kind.waits_for_estimate(group.h):
            name = bound.parameters.names[bound.count_of.index(k)]
            raise RuntimeError(
                f"{group.algorithm} takes its step from estimates of the Hessian, and {name!r} has had "
                "none: opt.estimate(h), with arrays like the gradients, before opt.step(grads)"
            )
