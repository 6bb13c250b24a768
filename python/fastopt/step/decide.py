"""Decisions of a step: taken, left out or refused, and by what its gradients are clipped."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastopt.model import Change, Parameters, commit
from fastopt.numerics import computed, taken
from fastopt.rows import dense_of
from fastopt.runtime import listed
from fastopt.step.bound import Bound
from fastopt.step.due import StepRequest
from fastopt.step.norms import Norms, clip_factor, common_clip_factor


def clip_factors(
    bound: Bound, norms: Norms, norm: float, unscale: float, clips: Sequence[float | None]
) -> list[float]:
    """Compute by what each gradient is scaled to clip its norm; `clips` are clipnorm of each group."""
    common = common_clip_factor(norm, bound.settings["global_clipnorm"])
    if clips.count(None) == len(clips):
        return [common] * len(norms.each)
    return [
        common * clip_factor(own * unscale, clips[group])  # one of them is 1
        for own, group in zip(norms.each, bound.parameters.group_of, strict=True)
    ]


def leave_out(bound: Bound, due: StepRequest, norm: float, complaint: Callable[[bool], str]) -> bool:
    """Leave the step out, or raise where that is asked for; `complaint` takes whether it is."""
    given, progress = bound.settings, bound.progress
    if given["nonfinite"] == "raise":
        raise FloatingPointError(complaint(True))
    skips, scale = progress.skips, progress.scale.changes(finite=False)
    skips.check(given["max_consecutive_skips"], complaint)
    warns = skips.warns()
    if due.zero:
        zero(due.given)
    left_out: list[Change] = [
        *skips.changes(),
        (progress, "grad_norm", norm),
        (progress, "report", None),
    ]
    commit([*left_out, *due.anyway, *scale])
    if warns:  # when all has been decided and counted: where warnings are errors, it raises
        skips.warn(complaint)
    return False


def zero(gradients: Sequence[Any]) -> None:
    """Zero those that are there."""
    for g in gradients:
        if g is not None:
            g[...] = 0


def not_finite(parameters: Parameters, norms: Norms, due: StepRequest, raises: bool) -> str:
    """Name the gradients that are not finite; where, if the error is for this step alone.

    They are those that were given, or, where these are finite, what transforms have made of them.
    """
    gradients, what = due.gradients, "gradient"
    if due.given is not gradients:
        pairs = zip(due.given, parameters.arrays, strict=True)
        read = [np.zeros(0) if g is None else taken(g, computed(p.dtype)) for g, p in pairs]
        counts = [int(np.count_nonzero(~np.isfinite(g))) for g in read]
        what = "gradient" if any(counts) else "transformed gradient"
        if any(counts):
            gradients, norms = due.given, norms._replace(nonfinite=counts)
    if raises:
        return complaint(parameters, norms, gradients, what)
    bad = [n for n, count in zip(parameters.names, norms.nonfinite, strict=True) if count]
    what += " of" if len(bad) == 1 else "s of"
    return f"the {what} {listed(list(map(repr, bad)))} {'is' if len(bad) == 1 else 'are'} not finite"


def complaint(
    parameters: Parameters, norms: Norms, gradients: Sequence[Any], what: str = "gradient"
) -> str:
    """Describe which gradients are not finite, and where."""
    bad = [i for i, count in enumerate(norms.nonfinite) if count]
    names, p = parameters.names, parameters.arrays[bad[0]]
    g = taken(dense_of(gradients[bad[0]], p), computed(p.dtype))
    where = tuple(int(k) for k in np.argwhere(~np.isfinite(g))[0])
    others = f", and {len(bad) - 1} other gradients are not" if len(bad) > 1 else ""
    at = f", the first at {where}" if where else ""
    return (
        f"the {what} of {names[bad[0]]!r} is not finite: {norms.nonfinite[bad[0]]} of {g.size} "
        f"entries are infinite or NaN{at}{others}. Nothing has been updated; nonfinite='skip' leaves "
        "such steps out, and 'propagate' takes them"
    )
