"""The passes of each transform of gradients: what is measured first, and what is written.

A pass reads gradients and writes what becomes of them into arrays in the shape of their parameters.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import KEPT, NOTHING, TRANSFORMS, Values, transforms
from fastopt.backends import GradientForms, backend
from fastopt.model import Change
from fastopt.runtime import get_num_threads

Array = NDArray[Any]
Gradients = Sequence[Any]

TINY = 1e-30  # what keeps quotients in range, where the authors of OrthoGrad add it
LEAST_NORM = 1e-6  # by which a gradient is divided, as optax and timm have it


def concerns(name: str, p: Array) -> bool:
    """Return whether a transform changes the gradients of a parameter."""
    if name == "orthograd":
        return p.size > 1  # what is left of one number is the error of its rounding
    return p.size > 0 and (name != "centralize" or p.ndim > 1)


class Member(NamedTuple):
    """A parameter whose gradient is transformed, where the result is written, and the states."""

    p: Array  # which no pass keeps: a reference to it says that a model has it
    into: Array
    states: Mapping[str, Array]


class Step(NamedTuple):
    """A step as a pass sees it; gradients are given as `1 / unscale` times what they are."""

    hs: Sequence[Values]  # of each member
    ts: Sequence[int]  # the step of each, 1, 2, ...
    parameters: Sequence[Array]
    gradients: Gradients
    unscale: float
    forms: GradientForms | None


class Grokfast:
    """Grokfast-EMA: the gradient and a multiple of its running mean."""

    names = TRANSFORMS[:1]

    def __init__(self, members: Sequence[Member], backend_name: str) -> None:
        self._slow = [each.states[KEPT[self.names[0]]] for each in members]
        self._now = [np.empty_like(slow) for slow in self._slow]
        arrays = zip([each.into for each in members], self._slow, self._now, strict=True)
        count = len(members)
        self._plan = backend(backend_name).make_plan(
            list(arrays), [transforms.GROKFAST] * count, list(range(count))
        )

    def run(self, step: Step) -> list[Change]:
        """Write the transformed gradients; list what becomes of the running means."""
        rows = []
        for h, t in zip(step.hs, step.ts, strict=True):
            keep, take = (0.0, 1.0) if t == 1 else (h.grokfast_alpha, 1.0 - h.grokfast_alpha)
            scalars = keep, take * step.unscale, h.grokfast / step.unscale
            rows.append((NOTHING, transforms.GrokfastCoefficients(*scalars)))
        self._plan.bind(step.gradients, None, True, step.forms)
        self._plan.run(rows, get_num_threads())
        pairs = zip(step.gradients, self._slow, self._now, strict=True)
        return [(slow, None, now) for g, slow, now in pairs if g is not None]


class OrthoGrad:
    """OrthoGrad: the gradient without what lies along the parameter, as long as before."""

    names = TRANSFORMS[1:2]

    def __init__(self, members: Sequence[Member], backend_name: str) -> None:
        self._into = [each.into for each in members]
        self._backend = backend_name

    def run(self, step: Step) -> list[Change]:
        """Measure, take out, measure what is left, and write it."""
        count, threads = len(self._into), get_num_threads()
        arrays: list[tuple[Any, ...]] = list(zip(self._into, step.parameters, strict=True))
        plan = backend(self._backend).make_plan(
            arrays, [transforms.ORTHOGONAL] * count, list(range(count))
        )
        plan.bind(step.gradients, None, True, step.forms)
        of = transforms.OrthogonalCoefficients
        before = plan.measure([(NOTHING, of(0.0, 1.0))] * count, threads, ())
        along = [dot / (pp + TINY) for _, pp, dot, _ in before]
        # Of what is left, as it is rounded: the difference of the squares would lose what is small.
        after = plan.measure([(NOTHING, of(each, 1.0)) for each in along], threads, ())
        lengths = [
            _lengthened(math.sqrt(gg), math.sqrt(rest), step.unscale, float(np.finfo(p.dtype).eps))
            for (gg, *_), (rest, *_), p in zip(before, after, step.parameters, strict=True)
        ]
        rows = [(NOTHING, of(*each)) for each in zip(along, lengths, strict=True)]
        plan.run(rows, threads)
        return []


def _lengthened(whole: float, rest: float, unscale: float, rounding: float) -> float:
    """Return what makes the rest of a gradient as long as the whole; 0 where it is rounding alone."""
    return 0.0 if rest <= 4.0 * rounding * whole else whole * unscale / (rest * unscale + TINY)


class ByRows:
    """Centralization, adaptive clipping, or both: each row without its mean, times its factor.

    A row is a slice of the first axis; an array with one axis or none is one row, and has its mean.
    """

    names = TRANSFORMS[2:]

    def __init__(self, members: Sequence[Member], backend_name: str) -> None:
        self._spreads = [
            (np.zeros(shape, p.dtype), np.ones(shape, p.dtype))
            for p, shape in [(each.p, _of_rows(each.p)) for each in members]
        ]
        count = len(members)
        self._plan = backend(backend_name).make_plan(
            [(each.into,) for each in members],
            [transforms.BY_ROWS] * count,
            list(range(count)),
            self._spreads,
        )

    def run(self, step: Step) -> list[Change]:
        """Sum over rows as often as needed, and write."""
        with np.errstate(all="ignore"):
            self._measure(step)
        rows = [(NOTHING, transforms.ByRowsCoefficients(1.0))] * len(step.parameters)
        self._plan.bind(step.gradients, None, True, step.forms)
        self._plan.run(rows, get_num_threads())
        return []

    def _measure(self, step: Step) -> None:
        """Set the mean and the factor of each row."""
        hs, parameters = step.hs, step.parameters
        for mean, factor in self._spreads:
            mean[...], factor[...] = 0.0, 1.0
        clipped = [h.adaptive_clip is not None for h in hs]
        weights = self._sums(1, parameters, clipped, 1.0, None)
        centralized = [h.centralize and p.ndim > 1 for h, p in zip(hs, parameters, strict=True)]
        sums = self._sums(0, step.gradients, centralized, 1.0, step.forms)
        for i, total in sums.items():
            mean = self._spreads[i][0]
            mean[...] = (total / (parameters[i].size // total.size)).reshape(mean.shape)
        lengths = self._sums(1, step.gradients, clipped, step.unscale, step.forms)
        for i, squares in lengths.items():
            factor, h, norm = self._spreads[i][1], hs[i], np.sqrt(squares)
            most = h.adaptive_clip * np.maximum(np.sqrt(weights[i]), h.adaptive_clip_eps)
            found = np.where(norm < most, 1.0, most / np.maximum(norm, LEAST_NORM))
            factor[...] = found.reshape(factor.shape)

    def _sums(
        self,
        which: int,
        arrays: Gradients,
        chosen: Sequence[bool],
        scale: float,
        forms: GradientForms | None,
    ) -> dict[int, NDArray[np.float64]]:
        """Reduce arrays that are bound in place of gradients, of those that are chosen and there."""
        pairs = zip(chosen, arrays, strict=True)
        members = [i for i, (yes, x) in enumerate(pairs) if yes and x is not None]
        if not members:
            return {}
        found = {i: [np.zeros(each.size) for each in self._spreads[i]] for i in members}
        into = [found.get(i, []) for i in range(len(arrays))]
        rows = [(NOTHING, transforms.ByRowsCoefficients(scale))] * len(arrays)
        self._plan.bind(arrays, None, True, forms)
        self._plan.reduce(which, rows, get_num_threads(), (), into)
        return {i: sums[1] for i, sums in found.items()}


def _of_rows(p: Array) -> tuple[int, ...]:
    """Return the shape of one number for each row."""
    return (1,) * p.ndim if p.ndim < 2 else (len(p), *(1,) * (p.ndim - 1))
