"""A step of L-BFGS: all of its iterations happen, or nothing does."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Values
from fastopt.closure.flat import Flat
from fastopt.closure.function import Function, NotFiniteError, check_function
from fastopt.closure.iterations import Memory, iterate
from fastopt.closure.two_loop import pair_of
from fastopt.model import Change, commit
from fastopt.moves import away, copied
from fastopt.step import Bound, Core, StepRequest, leave_out, prepare, take_part

Array = NDArray[Any]
DOING = "is calling its function for loss and gradients: take the step when that has returned"


def take_step(core: Core, function: Any) -> bool:
    """Take a step with a function of loss and gradients; return whether it was taken."""
    check_function(function, core.bound.kind.__name__)
    with away(core, DOING):
        bound = prepare(core) if core.gate.changed or core.bound.scheduled else core.bound
        bound = take_part(core, [not f for f in bound.frozen] if any(bound.frozen) else None)
        with np.errstate(all="ignore"):
            return _taken(bound, function)


def _taken(bound: Bound, call: Callable[[], Any]) -> bool:
    bound.check_arrays()
    group = bound.groups[0]
    members = [i for i, frozen in enumerate(bound.frozen) if not frozen]
    function = Function(bound, call, members)
    flat, carried = function.flat, group.carried
    memory = _remembered(bound, flat, members, group.h, carried)
    stored, before = memory.stored, copied(bound)
    try:
        x, loss, evaluations = iterate(function, flat.vector(flat.arrays), memory, group.h)
    except NotFiniteError as error:
        complaint = str(error)
    else:
        complaint = ""
    finally:
        commit([(p, None, was) for p, was in zip(bound.parameters.arrays, before, strict=True)])
    if complaint:
        request = StepRequest([], [], 1, False, [], [], None, [])
        return leave_out(bound, request, np.nan, lambda raises: complaint + _NOTHING * raises)
    carried.loss, carried.iterations = function.sign * loss, memory.iterations
    carried.evaluations, carried.pairs = carried.evaluations + evaluations, memory.stored
    carried.members = _signature(bound, members, 1)
    progress = bound.progress
    commit(
        [
            *_kept(bound, flat, members, memory, memory.stored - stored),
            *[_written(p, part) for p, part in zip(flat.arrays, flat.parts(x), strict=True)],
            *[change for count in bound.counts for change in count.changes()],
            (progress, "steps", progress.steps + 1),
            (progress, "carried", {group.algorithm: vars(carried)}),
            *progress.taken(),
        ]
    )
    return True


_NOTHING = ". Nothing has been updated; nonfinite='skip' leaves such steps out"


def _signature(bound: Bound, members: Sequence[int], more: int) -> float:
    """Return a number for who takes part, and how often each has: pairs are of these alone."""
    names, arrays = bound.parameters.names, bound.parameters.arrays
    steps = [bound.counts[count].t + more for count in bound.count_of]
    return float(zlib.crc32(repr([(names[i], arrays[i].shape, steps[i]) for i in members]).encode()))


def _remembered(bound: Bound, flat: Flat, members: Sequence[int], h: Values, carried: Values) -> Memory:
    """Return the memory of the iterations before; an empty one where others take part now."""
    states, size = [bound.states[i] for i in members], h.history_size
    for i, state in zip(members, states, strict=True):
        if len(state["s"]) != size:
            raise ValueError(
                f"history_size is {size}, and the history of {bound.parameters.names[i]!r} has "
                f"{len(state['s'])} places, which was decided when the optimizer was made: "
                f"opt.history_size = {len(state['s'])}"
            )
    step, g = [flat.vector([state[name] for state in states]) for name in ("step", "grad")]
    if carried.members != _signature(bound, members, 0):
        return Memory([], size, 0, 0, step, g)
    stored = int(carried.pairs)
    slots = [number % size for number in range(max(0, stored - size), stored)]
    found = [
        pair_of(*[flat.vector([state[name][slot] for state in states]) for name in ("s", "y")])
        for slot in slots
    ]
    pairs = [pair for pair in found if pair is not None]  # rounding may have taken its curvature
    return Memory(pairs, size, stored, int(carried.iterations), step, g)


def _kept(bound: Bound, flat: Flat, members: Sequence[int], memory: Memory, fresh: int) -> list[Change]:
    """List what is kept for the next call: the last step, and those pairs that are new."""
    changes = []
    states = [bound.states[i] for i in members]
    for name, x in (("step", memory.step), ("grad", memory.g)):
        changes += [_written(s[name], a) for s, a in zip(states, flat.parts(x), strict=True)]
    pairs = list(memory.pairs)[len(memory.pairs) - min(fresh, len(memory.pairs)) :]
    for number, pair in enumerate(pairs, memory.stored - len(pairs)):
        slot = number % (memory.pairs.maxlen or 1)
        for name, x in (("s", pair.s), ("y", pair.y)):
            parts = zip(states, flat.parts(x), strict=True)
            changes += [_written(state[name][slot : slot + 1], part) for state, part in parts]
    return changes


def _written(target: Array, values: Array) -> Change:
    """Return the change that writes values into an array, rounded to its dtype."""
    fresh = np.empty_like(target)
    fresh[...] = values
    return target, None, fresh
