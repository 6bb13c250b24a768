"""The loss of a step, which some algorithms need besides its gradients."""

import math
from typing import Any

from fastopt.algorithm import guards
from fastopt.runtime import describe
from fastopt.step.bound import Bound


def loss_of(bound: Bound, given: Any) -> float | None:
    """Return the loss that a step is given; raise where it is missing, not used or not finite."""
    needing = [group.algorithm for group in bound.groups if group.kind.takes_loss]
    if not needing and given is None:
        return None
    if not needing:
        raise TypeError(
            f"{bound.kind.__name__} uses no loss: give the gradients alone, opt.step(grads)"
        )
    return checked_loss(given, needing[0], guards(bound.settings))


def checked_loss(given: Any, name: str, guarded: bool) -> float:
    """Return the loss that a step of this algorithm is given, as a float."""
    if given is None:
        raise TypeError(f"{name} needs the loss of each step: opt.step(grads, loss=loss)")
    try:
        loss = float(given)
    except (TypeError, ValueError):
        raise TypeError(
            f"loss is {describe(given)}; it must be one number: opt.step(grads, loss=float(loss))"
        ) from None
    if not math.isfinite(loss) and not guarded:
        raise ValueError(
            f"loss is {loss}, and {name} takes its step from it: leave this step out, or make the "
            "optimizer with nonfinite='skip', which does"
        )
    return loss


def check_needs_none(bound: Bound) -> None:
    """Raise TypeError where an algorithm needs the loss of each step, which sums do not have."""
    for group in bound.groups:
        if group.kind.takes_function:
            raise TypeError(
                f"{group.algorithm} calls a function for loss and gradients, and accumulate is given "
                "gradients: call opt.step(loss_and_grad), with a function that adds them up itself"
            )
        if group.kind.takes_loss:
            raise TypeError(
                f"{group.algorithm} needs the loss of each step, and accumulate is given none: add "
                "gradients and losses up yourself, and call opt.step(grads, loss=loss)"
            )


def not_finite(loss: float, raises: bool) -> str:
    """Describe a loss that is not finite; with what can be done, if the error is for this step."""
    more = ". Nothing has been updated; nonfinite='skip' leaves such steps out" if raises else ""
    return f"the loss is {loss}{more}"
