"""Gradients of several calls, added up, and one step with their mean."""

from typing import Any

from fastopt.algorithm import Number
from fastopt.step.accumulator import Accumulator
from fastopt.step.binding import changed, held, install, prepare
from fastopt.step.bound import Core
from fastopt.step.gradients import bind_gradients, take_gradients
from fastopt.step.loss import check_needs_none
from fastopt.step.program import take

# What float32 holds, as the weights of both dtypes: one that became 0 or infinite there would be lost.
WEIGHT = Number(at_least=2.0**-126, at_most=(2.0 - 2.0**-23) * 2.0**127)


def is_due(core: Core) -> bool:
    """Return whether the next gradients take a step."""
    bound = core.bound
    most: int = bound.settings["gradient_accumulation_steps"]
    return (0 if bound.sums is None else bound.sums.count) + 1 >= most


def accumulate(core: Core, grads: Any, weight: float) -> bool:
    """Add gradients to the sums; take the step when it is due, and return whether it was taken."""
    bound = prepare(core)
    check_needs_none(bound)
    sums, most = bound.sums, bound.settings["gradient_accumulation_steps"]
    if sums is None:
        sums = Accumulator(bound.parameters, bound.backend)
        install(core, held(changed(bound, sums=sums)))
    if sums.count < most:
        gradients = take_gradients(core, grads)
        bound = core.bound
        if not sums.add(gradients, bound.forms, bound.settings["zero_grads"], weight):
            bound.hold.check()
            raise RuntimeError("the sums of the gradients cannot be updated")
    else:
        bound.hold.check()
    return sums.count >= most and _step_with(core, sums)


def flush(core: Core) -> bool:
    """Take the step with the sums that wait, if there are any."""
    sums = core.bound.sums
    if sums is None or not sums.count:
        return False
    prepare(core).hold.check()
    return _step_with(core, sums)


def _step_with(core: Core, sums: Accumulator) -> bool:
    """Take the step with the mean of what has been added up."""
    totals = bind_gradients(core, sums.totals(), core.bound.parameters.now(), None)
    try:
        return take(core.bound, totals, sums.weight, True, sums.begun_again())
    except FloatingPointError:
        core.bound = changed(core.bound, sums=None)
        raise
