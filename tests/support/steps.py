"""A step of any optimizer: with a loss or an estimate of curvature, where it needs one."""

from typing import Any

import numpy as np

import fastopt
from fastopt.step import core_of


def loss_for(opt: fastopt.Optimizer) -> float | None:
    """Return a loss that can become better, if the optimizer needs one."""
    if not opt.needs_loss:
        return None
    return -1.5 if opt.groups[0]["maximize"] else 1.5


def first_estimate(opt: fastopt.Optimizer, grads: Any) -> None:
    """Give the first estimate for parameters with a gradient that wait for it: the same for all."""
    bound = core_of(opt).bound
    if not (opt.needs_estimate and bound.without_estimate):
        return
    lack, parameters = bound.without_estimate, bound.parameters
    leaves = zip(parameters.arrays, bound.leaves(grads), bound.count_of, strict=True)
    estimates = [np.full_like(p, 0.1) if k in lack and g is not None else None for p, g, k in leaves]
    opt.estimate(parameters.tree(estimates))


def carried_at_first(opt: fastopt.Optimizer) -> list[dict[str, float]]:
    """Give estimates for all parameters, where some are needed; list what each parameter carries."""
    bound = core_of(opt).bound
    if opt.needs_estimate:
        opt.estimate(bound.parameters.tree([np.full_like(p, 0.1) for p in bound.parameters.arrays]))
        bound = core_of(opt).bound
    return [dict(bound.counts[number].carried) for number in bound.count_of]


def step_and_estimate(opt: fastopt.Optimizer, grads: Any) -> None:
    """Take a step, and give its gradients for an estimate to those that come, where that is taken."""
    opt.step(grads)
    if opt.needs_estimate:
        opt.estimate(grads)


def take_step(opt: fastopt.Optimizer, grads: Any) -> bool:
    """Take a step, with a loss if the optimizer needs one."""
    first_estimate(opt, grads)
    return opt.step(grads, loss=loss_for(opt))
