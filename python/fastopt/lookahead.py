"""Nesterov's look ahead: parameters where momentum alone would take them, given back bit by bit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from fastopt import backends
from fastopt.rules import rule_of
from fastopt.stages import NOTHING
from fastopt.threads import get_num_threads

if TYPE_CHECKING:
    from fastopt.core import Core


@contextmanager
def moved_ahead(opt: "Core") -> Iterator[None]:
    """Move the parameters of an optimizer, which holds its lock, for the time of a with block."""
    ahead = [opt.ahead(group.h) for group in opt.groups]
    arrays, group_of = opt._parameters.arrays, opt._parameters.group_of
    opt._parameters.explain([None] * len(arrays), opt._named_written())
    states = opt._states
    # A parameter whose group has only just got momentum has no buffer yet, and stays where it is.
    moved = [i for i, group in enumerate(group_of) if ahead[group].state in states[i]]
    plan = backends.backend(opt.backend).make_plan(
        [(arrays[i],) for i in moved],
        [rule_of(ahead[group_of[i]].rule) for i in moved],
        [group_of[i] for i in moved],
    )
    plan.bind([states[i][ahead[group_of[i]].state] for i in moved], None, True)
    before = [p.copy(order="K") for p in arrays]
    try:
        plan.run([(NOTHING, each.coefficients) for each in ahead], get_num_threads())
        yield
    finally:
        for p, was in zip(arrays, before, strict=True):
            np.copyto(p, was)
