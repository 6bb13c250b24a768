"""Gradients taken for a step: checked, bound to the plan, and counted where some are missing."""

from collections.abc import Sequence
from typing import Any

from fastopt import backends
from fastopt.arrays import viewed
from fastopt.backends import GradientForms
from fastopt.model import Parameters, divide
from fastopt.rows import is_row_gradient
from fastopt.step.binding import changed, install
from fastopt.step.bound import Bound, Core
from fastopt.step.row_gradients import bind_all, take_rows, without_rows


def take_gradients(core: Core, grads: Any) -> Sequence[Any]:
    """List the gradients of a step, and check all that it needs of its arrays."""
    bound = core.bound
    return bind_gradients(core, bound.leaves(grads), bound.parameters.now(), bound.forms)


def readable(parameters: Parameters, gradients: Sequence[Any], kind: str = "gradient") -> Sequence[Any]:
    """View those in arrays of other libraries; give back the same list where there are none."""
    pairs = zip(gradients, parameters.names, strict=True)
    found = [g if is_row_gradient(g) else viewed(g, f"the {kind} of {name!r}") for g, name in pairs]
    same = all([a is b for a, b in zip(found, gradients, strict=True)])
    return gradients if same else found


def bind_gradients(
    core: Core,
    gradients: Sequence[Any],
    now: Sequence[Any] | None,
    forms: GradientForms | None,
    takes_rows: bool = False,
) -> Sequence[Any]:
    """Bind gradients to the plan; divide the step counts where some are None."""
    bound = core.bound
    plan, parameters = bound.plan, bound.parameters
    if any(bound.frozen):
        gradients = [None if frozen else g for g, frozen in zip(gradients, bound.frozen, strict=True)]
    if takes_rows:
        gradients = take_rows(bound, gradients)
    found = bind_all(plan, gradients, now, False, forms)
    if found >= 0:
        gradients = readable(parameters, gradients)
        found = bind_all(plan, gradients, now, False, forms)
    if found >= 0:
        casts, zeroes = forms is not None and forms.cast, forms is not None and forms.written
        parameters.explain(without_rows(gradients), bound.hold, casts, zeroes)
        # Nothing is wrong: a strided gradient only reaches across memory that is written.
        found = bind_all(plan, gradients, None, True, forms)
        if found >= 0:
            raise RuntimeError(f"parameter {parameters.names[found]!r} cannot be updated")
    present = [g is not None for g in gradients]
    take_part(core, None if found == backends.BOUND or all(present) else present)
    return gradients


def zero_gradients(core: Core) -> None:
    """Zero the gradients that are bound; raise where there are none, or one cannot be written."""
    if core.gate.closed:
        raise core.gate.busy()
    leave = core.gate.enter_to_change()
    try:
        for g in _writeable(core.bound):
            g[...] = 0
    finally:
        leave()


def _writeable(bound: Bound) -> list[Any]:
    if bound.grads is None:
        raise RuntimeError(
            "gradients are the caller's, and none are bound: fill yours with zeros, g[...] = 0, or set "
            "zero_grads=True, which has each step zero those that it has read"
        )
    gradients, names = bound.leaves(None), bound.parameters.names
    bound.parameters.explain(gradients, bound.hold, casts=bound.settings["cast_grads"])
    for name, g in zip(names, gradients, strict=True):
        if g is not None and not g.flags.writeable:
            raise ValueError(
                f"the gradient of {name!r} ({g.dtype}, shape {g.shape}) is read-only, and zero_grad() "
                "writes into it: bind an array of its own, np.array(g)"
            )
    return [g for g in gradients if g is not None]


def take_part(core: Core, present: list[bool] | None) -> Bound:
    """Divide the step counts by which parameters take part; None if all do."""
    bound = core.bound
    if present == bound.present:
        return bound
    takes_part = present or [True] * len(bound.count_of)
    counts, count_of = divide(bound.counts, bound.count_of, takes_part)
    return install(core, changed(bound, counts=counts, count_of=count_of, present=present))
