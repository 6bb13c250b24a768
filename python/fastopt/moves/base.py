"""Parameters that a rule moves for a time, to be given back bit by bit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastopt import backends
from fastopt.algorithm.base import Move
from fastopt.algorithm.rule import rule_of
from fastopt.algorithm.stages import NOTHING
from fastopt.backends import NO_EXTRAS, Extras, Plan, Row
from fastopt.followers.averages import swap
from fastopt.runtime.threads import get_num_threads

if TYPE_CHECKING:
    from fastopt.step.core import Core


def along_states(opt: "Core", moves: Sequence[Move]) -> tuple[Plan, list[Row]]:
    """Plan the move of each group, when all arrays have been checked; give its scalars too."""
    arrays, group_of = opt._parameters.arrays, opt._parameters.group_of
    opt._check_arrays()
    states = opt._states
    steps = [opt._cohorts[cohort].t for cohort in opt._cohort_of]
    # One without a step stays where it is, and one whose group has only just got momentum: no buffer.
    moved = [i for i, g in enumerate(group_of) if steps[i] > 0 and moves[g].state in states[i]]
    plan = backends.backend(opt.backend).make_plan(
        [(arrays[i],) for i in moved],
        [rule_of(moves[group_of[i]].rule) for i in moved],
        [group_of[i] for i in moved],
    )
    plan.bind([states[i][moves[group_of[i]].state] for i in moved], None, True)
    return plan, [(NOTHING, each.coefficients) for each in moves]


def copied(opt: "Core") -> list[NDArray[Any]]:
    """Copy the parameters, each in its order."""
    return [p.copy(order="K") for p in opt._parameters.arrays]


def move(opt: "Core", plan: Plan, rows: Sequence[Row], extras: Extras = NO_EXTRAS) -> None:
    """Move the parameters, and what ``cast_to=`` has been given."""
    plan.run(rows, get_num_threads(), extras)
    opt._pipeline.write_copies()


def give_back(opt: "Core", before: Sequence[NDArray[Any]]) -> None:
    """Give the parameters the bits that were `copied`."""
    for p, was in zip(opt._parameters.arrays, before, strict=True):
        np.copyto(p, was)
    opt._pipeline.write_copies()


@contextmanager
def moved(opt: "Core", plan: Plan, rows: Sequence[Row], extras: Extras = NO_EXTRAS) -> Iterator[None]:
    """Move the parameters for the time of a with block."""
    arrays, before = opt._parameters.arrays, copied(opt)
    try:
        move(opt, plan, rows, extras)
        yield
    finally:
        swap(arrays, before, ())  # in one call, which no signal's handler finds half done
        opt._pipeline.write_copies()
