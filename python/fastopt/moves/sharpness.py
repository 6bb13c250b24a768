"""Sharpness-aware minimization: parameters where the loss is larger, within reach of where they are."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from fastopt import backends
from fastopt.algorithm import FLAG, NOT_NEGATIVE, NOTHING, RuleFunction, rule_of, shipped
from fastopt.backends import PLAIN_PASS, Plan
from fastopt.followers import MASK
from fastopt.moves.base import away, copied, moved
from fastopt.runtime import get_num_threads
from fastopt.step import (
    AccumulateCoefficients,
    Bound,
    Core,
    accumulate,
    complaint,
    norms_of,
    take_gradients,
    zero,
)

_LARGEST = float(np.finfo(np.float32).max)  # which both dtypes hold


@shipped
def weighed(p: Any, g: Any, c: Any) -> Any:
    """Multiply the gradient by ``|p| + eta``, in place of a copy of the parameter."""
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
    """The size of the move: the arguments of `Optimizer.perturbed`."""

    rho: float
    adaptive: bool
    eta: float

    def check(self) -> None:
        """Raise TypeError or ValueError for what they cannot be."""
        NOT_NEGATIVE.check(self.rho, "rho")
        FLAG.check(self.adaptive, "adaptive")
        NOT_NEGATIVE.check(self.eta, "eta")

    def coefficients(self, scale: float) -> AccumulateCoefficients | PerturbAdaptivelyCoefficients:
        """Return the scalars of the move."""
        if self.adaptive:
            return PerturbAdaptivelyCoefficients(scale, self.eta)
        return AccumulateCoefficients(scale)


@contextmanager
def perturbed(core: Core, grads: Any, ball: Ball) -> Iterator[None]:
    """Move the parameters uphill, for the time of a with block."""
    ball.check()
    with away(core, "has its parameters perturbed: take the step after the with block"):
        gradients = take_gradients(
            core, grads
        )  # alive until they are read: a plan knows their addresses alone
        bound = core.bound
        zeroes = bound.settings["zero_grads"]
        plan = _plan(
            bound, bound.parameters.arrays, perturb_adaptively if ball.adaptive else accumulate
        )
        if bound.portions is not None:
            bound.portions.attach(plan, settings=[MASK])
        norm = _norm(bound, plan, gradients, ball)
        if not 0.0 < norm < math.inf:
            if zeroes:
                zero(gradients)
            yield
            return
        plan.bind(gradients, None, True, bound.forms)
        scale = min(ball.rho / norm, _LARGEST)
        uphill = [-scale if group.h.maximize else scale for group in bound.groups]
        rows = [(NOTHING, ball.coefficients(each)) for each in uphill]
        with moved(bound, plan, rows, PLAIN_PASS._replace(zero=zeroes)):
            yield


def _norm(bound: Bound, plan: Plan, gradients: Sequence[Any], ball: Ball) -> float:
    """Compute the norm that the move is divided by; see what is not finite."""
    what = "gradient"
    if ball.adaptive:
        what, gradients = "gradient times |p| + eta", _weighed(bound, gradients, ball.eta)
    plan.bind(gradients, None, True, bound.forms)
    arrays = bound.parameters.arrays
    norms = norms_of(plan.sums_of_squares(get_num_threads()), gradients, arrays)
    if any(norms.nonfinite) and bound.settings["nonfinite"] == "raise":
        raise FloatingPointError(complaint(bound.parameters, norms, gradients, what))
    return norms.of(range(len(arrays)))


def _weighed(bound: Bound, gradients: Sequence[Any], eta: float) -> list[Any]:
    """Multiply each gradient by ``|p| + eta``."""
    found = copied(bound)
    plan = _plan(bound, found, weighed)
    plan.bind(gradients, None, True, bound.forms)
    plan.run([(NOTHING, WeighedCoefficients(eta))] * len(bound.groups), get_num_threads())
    return [None if g is None else w for g, w in zip(gradients, found, strict=True)]


def _plan(bound: Bound, arrays: Sequence[Any], rule: RuleFunction) -> Plan:
    """Plan a rule without states over arrays in place of the parameters."""
    return backends.backend(bound.backend).make_plan(
        [(array,) for array in arrays], [rule_of(rule)] * len(arrays), bound.parameters.group_of
    )
