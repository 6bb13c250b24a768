"""A step of any optimizer: with a loss where it takes its step from that."""

from typing import Any

import fastopt


def loss_for(opt: fastopt.Optimizer) -> float | None:
    """Return a loss that can become better, if the optimizer needs one."""
    if not opt.needs_loss:
        return None
    return -1.5 if opt.groups[0]["maximize"] else 1.5


def take_step(opt: fastopt.Optimizer, grads: Any) -> bool:
    """Take a step, with a loss if the optimizer needs one."""
    return opt.step(grads, loss=loss_for(opt))
