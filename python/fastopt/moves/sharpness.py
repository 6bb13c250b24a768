"""Sharpness-aware minimization: parameters where the loss is larger, within reach of where they are."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastopt import backends
from fastopt.algorithm.rule import RuleFunction, rule_of, shipped
from fastopt.algorithm.stages import NOTHING
from fastopt.algorithm.validators import FLAG, NOT_NEGATIVE
from fastopt.backends import NO_EXTRAS, Plan
from fastopt.moves.base import copied, moved
from fastopt.runtime.threads import get_num_threads
from fastopt.step.accumulation import AccumulateCoefficients, accumulate
from fastopt.step.norms import norms_of
from fastopt.step.pipeline import complaint, zero

if TYPE_CHECKING:
    from fastopt.step.core import Core

_LARGEST = float(np.finfo(np.float32).max)  # which both dtypes hold


@shipped
def weighed(p: Any, g: Any, c: Any) -> Any:
    """Give the gradient times ``|p| + eta``, in place of a copy of the parameter."""
    return (np.abs(p) + c.eta) * g


@shipped
def perturb_adaptively(p: Any, g: Any, c: Any) -> Any:
    """Ascend along the gradient, each element as far as it is large."""
    reach = np.abs(p) + c.eta
    return p + reach * (c.scale * (reach * g))


class WeighedCoefficients(NamedTuple):
    """Scalars of `weighed`."""

    eta: float


class PerturbAdaptivelyCoefficients(NamedTuple):
    """Scalars of `perturb_adaptively`."""

    scale: float
    eta: float


class Ball(NamedTuple):
    """How far the parameters are moved: the arguments of `Optimizer.perturbed`."""

    rho: float
    adaptive: bool
    eta: float

    def check(self) -> None:
        """Raise TypeError or ValueError for what they cannot be."""
        NOT_NEGATIVE.check(self.rho, "rho")
        FLAG.check(self.adaptive, "adaptive")
        NOT_NEGATIVE.check(self.eta, "eta")

    def coefficients(self, scale: float) -> AccumulateCoefficients | PerturbAdaptivelyCoefficients:
        """Give the scalars of the move."""
        if self.adaptive:
            return PerturbAdaptivelyCoefficients(scale, self.eta)
        return AccumulateCoefficients(scale)


@contextmanager
def perturbed(opt: "Core", grads: Any, ball: Ball) -> Iterator[None]:
    """Move the parameters of an optimizer, which holds its lock, for the time of a with block."""
    gradients = opt._bind(grads)  # alive until they have been read: a plan knows their addresses alone
    plan = _plan(opt, opt._parameters.arrays, perturb_adaptively if ball.adaptive else accumulate)
    norm = _norm(opt, plan, gradients, ball)
    if not 0.0 < norm < math.inf:
        if opt.zero_grad:
            zero(gradients)
        yield
        return
    plan.bind(gradients, None, True, opt._taking)
    scale = min(ball.rho / norm, _LARGEST)
    uphill = [-scale if group.h.maximize else scale for group in opt.groups]
    rows = [(NOTHING, ball.coefficients(each)) for each in uphill]
    with moved(opt, plan, rows, NO_EXTRAS._replace(zero=opt.zero_grad)):
        yield


def _norm(opt: "Core", plan: Plan, gradients: Sequence[Any], ball: Ball) -> float:
    """Compute the norm that the move is divided by; see what is not finite."""
    what = "gradient"
    if ball.adaptive:
        what, gradients = "gradient times |p| + eta", _weighed(opt, gradients, ball.eta)
    plan.bind(gradients, None, True, opt._taking)
    arrays = opt._parameters.arrays
    norms = norms_of(plan.sums_of_squares(get_num_threads()), gradients, arrays)
    if any(norms.nonfinite) and opt.nonfinite == "raise":
        raise FloatingPointError(complaint(opt._parameters, norms, gradients, what))
    return norms.of(range(len(arrays)))


def _weighed(opt: "Core", gradients: Sequence[Any], eta: float) -> list[Any]:
    """Multiply each gradient by ``|p| + eta``."""
    found = copied(opt)
    plan = _plan(opt, found, weighed)
    plan.bind(gradients, None, True, opt._taking)
    plan.run([(NOTHING, WeighedCoefficients(eta))] * len(opt.groups), get_num_threads())
    return [None if g is None else w for g, w in zip(gradients, found, strict=True)]


def _plan(opt: "Core", arrays: Sequence[Any], rule: RuleFunction) -> Plan:
    """Plan a rule without states over arrays in place of the parameters."""
    return backends.backend(opt.backend).make_plan(
        [(array,) for array in arrays], [rule_of(rule)] * len(arrays), opt._parameters.group_of
    )
