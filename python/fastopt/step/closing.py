"""The end of an optimizer, at which it lets go of the memory that it holds."""

from fastopt import backends
from fastopt.model import CLOSED
from fastopt.step.bound import Core


def close(core: Core) -> None:
    """Release the memory of all arrays; do nothing if that has been done."""
    if core.gate.closed:
        return
    refresh_followers(core)
    core.gate.enter(CLOSED)
    core.gate.close()
    bound = core.bound
    plan = backends.backend(bound.backend).make_plan([], [], [])
    core.bound = bound.but(plan=plan, transforms=None, grads=None, estimator=None)
    if bound.sums is not None:
        bound.sums.close()
    bound.parameters.hold.release()
    bound.hold.release()


def refresh_followers(core: Core) -> None:
    """Copy the parameters to what has been through no step, unless something is inside."""
    bound = core.bound
    if not bound.followers.is_behind(bound.parameters.arrays):
        return
    try:
        core.gate.enter()
    except RuntimeError:
        return
    try:
        bound.followers.refresh(bound.parameters.arrays)
    finally:
        core.gate.leave()
