"""Parameters that are moved for a time, to be given back bit by bit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt import backends
from fastopt.algorithm import NOTHING, Move, rule_of
from fastopt.backends import PLAIN_PASS, Pass, Plan, Rows
from fastopt.followers import swap
from fastopt.model import Row
from fastopt.runtime import get_num_threads
from fastopt.step import Bound, Core, Moving, check_movable


@contextmanager
def away(core: Core, doing: str) -> Iterator[None]:
    """Hold an optimizer, and those that share memory with it, while its parameters are elsewhere."""
    check_movable(core.bound)
    moving = Moving()
    try:
        moving.begin(core, doing)
        yield
    finally:
        moving.end()


def along_states(bound: Bound, moves: Sequence[Move | None]) -> tuple[Plan, list[Row | None]]:
    """Plan the move of each group, when all arrays have been checked; return its scalars too.

    One without a move stays where it is.
    """
    arrays, group_of, states = bound.parameters.arrays, bound.parameters.group_of, bound.states
    bound.check_arrays()
    steps = [bound.counts[count].t for count in bound.count_of]
    # So does one without a step, and one whose group has only just got momentum: it has no buffer.
    each = [(i, g, m) for i, g in enumerate(group_of) if (m := moves[g]) is not None]
    moved = [(i, g, m) for i, g, m in each if steps[i] > 0 and m.state in states[i]]
    plan = backends.backend(bound.backend).make_plan(
        [(arrays[i],) for i, _, _ in moved],
        [rule_of(m.rule) for _, _, m in moved],
        [g for _, g, _ in moved],
    )
    if bound.portions is not None:
        bound.portions.attach(plan, [i for i, _, _ in moved])
    plan.bind([states[i][m.state] for i, _, m in moved], None, True)
    return plan, [m and (NOTHING, m.coefficients) for m in moves]


def copied(bound: Bound) -> list[NDArray[Any]]:
    """Copy the parameters, each in its order."""
    return [p.copy(order="K") for p in bound.parameters.arrays]


def move(bound: Bound, plan: Plan, rows: Rows, extras: Pass = PLAIN_PASS) -> None:
    """Move the parameters, and the copies of ``cast_to=`` with them."""
    plan.run(rows, get_num_threads(), extras)
    bound.followers.write_copies(bound.parameters.arrays)


def give_back(bound: Bound, before: Sequence[NDArray[Any]]) -> None:
    """Restore the bits of the parameters that were `copied`."""
    for p, was in zip(bound.parameters.arrays, before, strict=True):
        np.copyto(p, was)
    bound.followers.write_copies(bound.parameters.arrays)


@contextmanager
def moved(bound: Bound, plan: Plan, rows: Rows, extras: Pass = PLAIN_PASS) -> Iterator[None]:
    """Move the parameters for the time of a with block."""
    arrays, before = bound.parameters.arrays, copied(bound)
    try:
        move(bound, plan, rows, extras)
        yield
    finally:
        swap(arrays, before, ())  # in one call, which no signal's handler finds half done
        bound.followers.write_copies(arrays)
