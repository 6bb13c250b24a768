"""A step that does more than update: what its gradients are read for first, and what is decided then.

Everything that can fail is here, before the sweep; nothing has changed until it begins.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastopt.averaging import Averages
from fastopt.backends import Extras, Plan, Row
from fastopt.checks import Named
from fastopt.copies import Copies
from fastopt.loss_scaling import LossScale
from fastopt.norms import Norms, norms_of
from fastopt.parameters import Parameters
from fastopt.report import GroupReport, reports
from fastopt.threads import get_num_threads

if TYPE_CHECKING:
    from fastopt.core import Core


class Pipeline:
    """What an optimizer keeps for its settings."""

    def __init__(self, given: Mapping[str, Any], parameters: Parameters) -> None:
        self.scale = LossScale(given["loss_scale"])
        self.copies = None if given["cast_to"] is None else Copies(given["cast_to"], parameters)
        self.averages = None
        if given["ema"] is not None:
            corrected = given["ema_bias_correction"]
            self.averages = Averages(given["ema"], corrected, parameters.arrays)
        self.grad_norm: float | None = None
        self.skipped = 0
        self.report: list[GroupReport] | None = None

    def attach(self, plan: Plan) -> None:
        """Give the plan the arrays that it writes besides parameters and states."""
        averages = None if self.averages is None else self.averages.arrays
        copies, halves = (None, []) if self.copies is None else (self.copies.arrays, self.copies.halves)
        if averages is not None or copies is not None:
            plan.attach(averages, copies, halves)

    def begin(self, parameters: Parameters) -> None:
        """Write the copies, when everything has been checked."""
        if self.copies is not None:
            self.copies.write(parameters.arrays)

    def named(self, names: Sequence[str]) -> list[Named]:
        """List the arrays that the sweep writes for it."""
        copies = [] if self.copies is None else self.copies.named
        averages = () if self.averages is None else zip(names, self.averages.arrays, strict=True)
        return [*((f"the average of {name!r}", array) for name, array in averages), *copies]

    def step(
        self, opt: "Core", rows: list[Row | None], gradients: Sequence[Any], count: int, zero: bool
    ) -> bool:
        """Decide and sweep: the gradients are the sum of `count`; say whether the step was taken."""
        plan, threads = opt._plan, get_num_threads()
        clips = [group.h.clipnorm for group in opt.groups]
        limit = opt.global_clipnorm
        unscale = 1.0 / (self.scale.value * count)
        factors = [1.0] * len(gradients)
        norms = None
        if reads(opt._settings, clips):
            norms = norms_of(plan.sums_of_squares(threads), gradients)
            norm = norms.of(range(len(factors))) * unscale
            if not self._go_on(opt, norms, gradients, zero):
                self.grad_norm, self.report = norm, None
                return False
            if limit is not None and norm > limit:
                factors = [limit / norm] * len(factors)
            for i, group in enumerate(opt._parameters.group_of):
                clip, own = clips[group], norms.each[i] * unscale
                if clip is not None and own > clip:
                    factors[i] = clip / own
            self.grad_norm = norm
        rows = self._scaled(opt, rows, unscale, factors)
        extras = self._extras(opt, zero, norms is not None)
        if opt.stats:
            assert norms is not None
            sums = plan.run_with_sums(rows, threads, extras)
            self.report = reports(opt._parameters.group_of, norms, unscale, factors, sums)
        else:
            self.report = None
            plan.run(rows, threads, extras)
        if self.averages is not None:
            self.averages.commit(opt._taken.steps + 1)
        self.scale.update(finite=True)
        return True

    def _go_on(self, opt: "Core", norms: Norms, gradients: Sequence[Any], zero: bool) -> bool:
        """Raise or skip where gradients are not finite and that is asked for."""
        if not any(norms.nonfinite):
            return True
        if opt.nonfinite == "raise":
            raise FloatingPointError(_complaint(opt, norms, gradients))
        if opt.nonfinite != "skip" and not self.scale.dynamic:
            return True
        self.scale.update(finite=False)
        self.skipped += 1
        for g in gradients:
            if zero and g is not None:
                g[...] = 0
        return False

    def _scaled(
        self, opt: "Core", rows: list[Row | None], unscale: float, factors: list[float]
    ) -> list[Row | None]:
        """Put the factors into the scale of each array's row, or of the cohort's if all are alike."""
        cohort_of = opt._cohort_of
        alone = len(set(factors)) > 1
        if alone:
            rows = [rows[cohort] for cohort in cohort_of]
        else:
            factors = factors[:1] * len(rows)
        opt._plan.assign(list(range(len(cohort_of))) if alone else cohort_of)
        return [
            row and (row[0]._replace(scale=row[0].scale * (unscale * factor)), row[1])
            for row, factor in zip(rows, factors, strict=True)
        ]

    def _extras(self, opt: "Core", zero: bool, backwards: bool) -> Extras:
        if self.averages is None:
            return Extras(zero, False, 0.0, 0.0, backwards)
        return Extras(zero, True, *self.averages.weights(opt._taken.steps + 1), backwards)


def reads(given: Mapping[str, Any], clips: Sequence[float | None]) -> bool:
    """Say whether a step has to read all gradients before it begins."""
    return (
        given["global_clipnorm"] is not None
        or given["nonfinite"] != "propagate"
        or given["loss_scale"] == "dynamic"
        or given["stats"]
        or any(clip is not None for clip in clips)
    )


def _complaint(opt: "Core", norms: Norms, gradients: Sequence[Any]) -> str:
    bad = [i for i, count in enumerate(norms.nonfinite) if count]
    g = gradients[bad[0]]
    names = opt._parameters.names
    where = tuple(int(k) for k in np.argwhere(~np.isfinite(g))[0]) if g.dtype != np.uint16 else ()
    others = f", and {len(bad) - 1} other gradients are not" if len(bad) > 1 else ""
    at = f", the first at {where}" if where else ""
    return (
        f"the gradient of {names[bad[0]]!r} is not finite: {norms.nonfinite[bad[0]]} of {g.size} "
        f"entries are infinite or NaN{at}{others}. Nothing has been updated; nonfinite='skip' leaves "
        "such steps out, and 'propagate' takes them"
    )
