"""Gradients of rows in a step: who takes them, which rows are stepped, and how they are bound."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Written
from fastopt.backends import GradientForms, Plan
from fastopt.model import Change, StepCount, initial
from fastopt.rows import Living, TakenRows, is_row_gradient, living_rows, moves, take
from fastopt.step.bound import Bound

_PLAIN = frozenset((np.ndarray, type(None)))

SAYING = {
    "lazy": "sparse='lazy' leaves those rows as they are, states too (torch.SparseAdam)",
    "exact": "sparse='exact' steps each row that ever had a gradient, with the bits of dense ones",
}


def take_rows(bound: Bound, gradients: Sequence[Any]) -> Sequence[Any]:
    """Put gradients of rows that have been checked in the places of those that are given.

    Raises TypeError or ValueError where one does not fit, or cannot be taken. Nothing has changed.
    """
    if _PLAIN.issuperset(map(type, gradients)) or not any(map(is_row_gradient, gradients)):
        return gradients
    parameters, found = bound.parameters, list(gradients)
    written = Written([*parameters.named(), *bound.hold.named])
    for i, g in enumerate(gradients):
        if is_row_gradient(g):
            what, p = f"the gradient of {parameters.names[i]!r}", parameters.arrays[i]
            _check_options(bound, i, what)
            rows = take(g, what, p, bound.settings["cast_grads"])
            written.check_apart(rows.indices, f"indices of {what}")
            written.check_apart(rows.values, f"values of {what}")
            found[i] = rows._replace(living=_living(bound, i, what))
    return found


def _check_options(bound: Bound, i: int, what: str) -> None:
    """Raise where the step with a parameter needs its whole gradient."""
    group, rule = bound.groups[bound.parameters.group_of[i]], bound.rules[bound.parameters.group_of[i]]
    name, p, h = group.algorithm, bound.parameters.arrays[i], group.h
    dense = f"pass g.dense({len(p) if p.ndim else 1})"
    whole = rule.direction is not None or rule.reduced or rule.scratch or rule.spread
    if whole or group.kind.shapes(h, p) or group.kind.takes_function:
        raise TypeError(
            f"{what} is of rows, and {name} needs whole ones: {dense}, or give the parameter a group "
            'with another algorithm, {"algorithm": "adam", "sparse": "lazy"}'
        )
    asked = {
        "zero_grads": bound.settings["zero_grads"],
        "stats": bound.settings["stats"],
        "ema, swa_start, lookahead_steps and cast_to": any(bound.followers),
        "mask and lr_scale": bound.portions is not None,
        "grokfast, orthograd, centralize and adaptive_clip": bound.transforms is not None,
        "cautious=True": h.cautious is True,
        "parameters of 16 bits and state_dtype": bool(bound.how_stored[i]),
    }
    for option, is_asked in asked.items():
        if is_asked:
            raise ValueError(
                f"{what} is of rows, which do not go with {option}: {dense}, or leave that out"
            )


def _living(bound: Bound, i: int, what: str) -> Living | None:
    """Return the rows that are stepped whether they have a gradient or not; None where there are none.

    Raises ValueError where that has to be said, or is said and cannot be done.
    """
    group, rule = bound.groups[bound.parameters.group_of[i]], bound.rules[bound.parameters.group_of[i]]
    if group.h.sparse == "lazy":
        return None
    count, p, name = bound.counts[bound.count_of[i]], bound.parameters.arrays[i], group.algorithm
    row = StepCount(group, count.t, dict(count.carried)).row()
    assert row is not None
    if not moves(rule, row, p.dtype):
        return None
    found = [initial(group.kind, group.h, state, p[:1], {}) for state in rule.states]
    rests = all([np.ndim(each) == 0 for each in found]) and not moves(rule, row, p.dtype, found)
    if group.h.sparse == "exact" and rests:
        return _known(bound, i, found, p)
    lazy = f"{SAYING['lazy']}: {name}(params, sparse='lazy')"
    if group.h.sparse == "exact":
        raise ValueError(
            f"{what} is of rows, and {name} moves rows that never had a gradient, by decay, a penalty, "
            "maximize or what it adds to states, so that sparse='exact' would be a dense step, "
            f"g.dense({len(p)}); {lazy}"
        )
    exact = f"; {SAYING['exact']}" if rests else ""
    raise ValueError(
        f"{what} is of rows, and {name} moves rows without a gradient, too, so say what becomes of "
        f"them; {lazy}{exact}"
    )


def _known(bound: Bound, i: int, beginnings: Sequence[Any], p: NDArray[Any]) -> Living:
    """Return the living rows as they were left, or look at the states."""
    t, states = bound.counts[bound.count_of[i]].t, bound.states[i]
    known = bound.living.get(i)
    if known is None or not known.is_of(states, t):
        numbers = [float(each) for each in beginnings]
        known = bound.living[i] = Living(living_rows(states, numbers, len(p)), states, t)
    return known


def bind_all(
    plan: Plan,
    gradients: Sequence[Any],
    now: Sequence[Any] | None,
    overlap_checked: bool,
    forms: GradientForms | None,
) -> int:
    """Bind gradients to a plan, with those of rows among them."""
    if _PLAIN.issuperset(map(type, gradients)):
        return plan.bind(gradients, now, overlap_checked, forms)
    found = plan.bind(without_rows(gradients), now, overlap_checked, forms)
    for i, g in enumerate(gradients if found < 0 else ()):
        if type(g) is TakenRows:
            plan.bind_rows(i, g.indices, g.values, g.mask)
            if g.mask is not None:
                g.mask[g.indices] = True
    return found


def without_rows(gradients: Sequence[Any]) -> list[Any]:
    """Leave out gradients of rows, which are bound besides."""
    return [None if type(g) is TakenRows else g for g in gradients]


def changes_of_rows(gradients: Sequence[Any]) -> list[Change]:
    """List what changes of living rows when the step is taken: it is theirs."""
    livings = [g.living for g in gradients if type(g) is TakenRows and g.living is not None]
    return [(living, "t", living.t + 1) for living in livings]
