"""Transforms of gradients: what a step is taken with in place of the gradients that it is given.

All later parts of a step take them for the gradients: norms and limits, what is not finite, weight
decay, the rule. What a transform keeps is written beside, and changes with the step.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.arrays import Arena
from fastopt.model import Change
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest
from fastopt.step.transform_passes import ByRows, Grokfast, Member, OrthoGrad, Step, concerns

_PASSES = (Grokfast, OrthoGrad, ByRows)  # in the order in which they are done


class Transforms:
    """The transforms that the groups of an optimizer ask for, and the arrays that they are in.

    One reads what another has written, so that a parameter with several has two such arrays.
    """

    def __init__(self, bound: Bound, asked: Sequence[Sequence[str]]) -> None:
        """Allocate arrays for what each group has asked for."""
        room, arrays = Arena(), bound.parameters.arrays
        written: list[list[NDArray[Any]]] = [[] for _ in arrays]
        self._passes: list[tuple[list[int], list[NDArray[Any]], Any]] = []
        for kind in _PASSES:
            numbers, members = [], []
            for i, (p, group) in enumerate(zip(arrays, bound.parameters.group_of, strict=True)):
                if not any([concerns(name, p) for name in asked[group] if name in kind.names]):
                    continue
                before = written[i]
                into = room.like(p, 0.0, 9 + len(before)) if len(before) < 2 else before[-2]
                before.append(into)
                numbers.append(i)
                members.append(Member(p, into, bound.states[i]))
            if members:
                into_each = [each.into for each in members]
                self._passes.append((numbers, into_each, kind(members, bound.backend)))

    def apply(self, bound: Bound, due: StepRequest, unscale: float) -> tuple[StepRequest, list[Change]]:
        """Transform the gradients of a step; return the step with those, and what changes with it."""
        found: list[Any] = list(due.gradients)
        changes: list[Change] = []
        parameters = bound.parameters
        for numbers, into, each in self._passes:
            given = [found[i] for i in numbers]
            step = Step(
                [bound.groups[parameters.group_of[i]].h for i in numbers],
                [bound.counts[bound.count_of[i]].t + 1 for i in numbers],
                [parameters.arrays[i] for i in numbers],
                given,
                unscale,
                bound.forms,
            )
            changes += each.run(step)
            for i, g, u in zip(numbers, given, into, strict=True):
                found[i] = None if g is None else u
        bound.plan.bind(found, None, True, bound.forms)
        due = due._replace(gradients=found)
        return due, [*changes, *_zeroed(due)]


def _zeroed(due: StepRequest) -> list[Change]:
    """List the changes that zero gradients, where what was made of them is zeroed in their place."""
    if not due.zero:
        return []
    pairs = zip(due.given, due.gradients, strict=True)
    return [(g, None, u) for g, u in pairs if g is not u and _is_plain(g, u)]


def left(due: StepRequest) -> list[Any]:
    """List the gradients that are still to be zeroed when the step has been taken."""
    if not due.zero or due.given is due.gradients:
        return []
    pairs = zip(due.given, due.gradients, strict=True)
    return [g for g, u in pairs if g is not u and not _is_plain(g, u)]


def _is_plain(g: Any, u: NDArray[Any]) -> bool:
    """Return whether the bytes of the one can be copied to the other."""
    return isinstance(g, np.ndarray) and g.flags.forc and g.dtype == u.dtype
