"""A step that does more than update: what its gradients are read for first, and what is decided then.

Everything that can fail is here, before the sweep; nothing has changed until it begins.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.settings import clips_each, guards
from fastopt.arrays.memory import Named
from fastopt.backends import UNUSED, Extras, Plan, Row, Taking
from fastopt.followers.averages import averages_for
from fastopt.followers.base import Follower
from fastopt.followers.low_precision import Copies
from fastopt.followers.slow_weights import slow_weights_for
from fastopt.model.commit import Change
from fastopt.model.parameters import Parameters
from fastopt.numerics.formats import taken
from fastopt.runtime.threads import get_num_threads
from fastopt.state.form import listed
from fastopt.step import overflow
from fastopt.step.loss_scaling import LossScale
from fastopt.step.moderate import LIMIT, Risks
from fastopt.step.norms import Norms, clip_factor, common_clip_factor, norms_of
from fastopt.step.overflow import Bound
from fastopt.step.report import GroupReport, reports
from fastopt.step.skipping import Skips


class Pipeline:
    """What an optimizer keeps for its settings."""

    def __init__(self, given: Mapping[str, Any], parameters: Parameters, ours: bool) -> None:
        self._given = given
        self._parameters = parameters
        self._ours = ours
        self.scale = LossScale(given["loss_scale"])
        self.copies = None if given["cast_to"] is None else Copies(given["cast_to"], parameters)
        self.averages = averages_for(given, parameters.arrays)
        self.slow = slow_weights_for(given, parameters.arrays)
        self.grad_norm: float | None = None
        self.skips = Skips()
        self._risks = Risks(ours)
        self._wild: frozenset[int] = frozenset()  # parameters that are near the end of the range
        self.report: list[GroupReport] | None = None

    def attach(self, plan: Plan) -> None:
        """Give the plan the arrays that it writes besides parameters and states."""
        self._risks = Risks(self._ours)
        slow = None if self.slow is None else self.slow.arrays
        averages = None if self.averages is None else self.averages.arrays
        copies, halves = (None, []) if self.copies is None else (self.copies.arrays, self.copies.halves)
        if not (slow is averages is copies is None):
            plan.attach(slow, averages, copies, halves)

    def beside(self, i: int) -> tuple[Any, Any]:
        """Return the slow weights and the average of a parameter, None for what there is not."""
        slow = None if self.slow is None else self.slow.arrays[i]
        return slow, None if self.averages is None else self.averages.arrays[i]

    def followers(self) -> dict[str, Follower]:
        """Give what has an array beside every parameter, under the names of a checkpoint."""
        found = {"slow": self.slow, "average": self.averages}
        return {name: each for name, each in found.items() if each is not None}

    def rebind(self, parameters: Parameters) -> None:
        """Go on with other parameters, for which the followers have arrays."""
        self._parameters = parameters
        self._wild = frozenset()

    def refresh(self) -> None:
        """Let what has not been through a step yet follow the parameters as they are now."""
        for each in self.followers().values():
            each.refresh(self._parameters.arrays)

    def is_behind(self) -> bool:
        """Find out whether that would change anything."""
        arrays = self._parameters.arrays
        return bool([each for each in self.followers().values() if each.is_behind(arrays)])

    def _begin(self, due: "Due") -> list[Change]:
        """Begin what goes through a step for the first time; list what changes with the step."""
        changes: list[Change] = []
        for follower in self.followers().values():
            changes += follower.changes()
            if follower.fresh:
                changes += follower.begin(self._parameters.arrays, due.gradients)
        if self.copies is not None and self.copies.fresh:
            changes += self.copies.begin(self._parameters.arrays, due.gradients)
        return changes

    def write_copies(self) -> None:
        """Write the copies anew, where no step does."""
        if self.copies is not None:
            self.copies.write(self._parameters.arrays)

    def named(self) -> list[Named]:
        """List the arrays that the sweep writes for it."""
        copies = [] if self.copies is None else self.copies.named
        return [
            *self._named("the slow weights", self.slow),
            *self._named("the average", self.averages),
            *copies,
        ]

    def _named(self, what: str, follower: Follower | None) -> list[Named]:
        arrays = [] if follower is None else follower.arrays
        names = self._parameters.names
        return [(f"{what} of {name!r}", array) for name, array in zip(names, arrays, strict=False)]

    def step(self, plan: Plan, due: "Due") -> bool:
        """Decide and sweep; say whether the step was taken."""
        given, threads, arrays = self._given, get_num_threads(), self._parameters.arrays
        unscale = 1.0 / (self.scale.value * due.added)
        factors = [1.0] * len(due.gradients)
        changes: list[Change] = [*due.changes, *due.anyway, (self, "report", None)]
        norms, norm, guarded = None, 0.0, guards(given)
        if reads(given, due.clips):
            norms = norms_of(plan.sums_of_squares(threads), due.gradients, arrays)
            norm = norms.of(range(len(factors))) * unscale
            if guarded and any(norms.nonfinite):
                return self._leave_out(plan, due, norm, partial(self._not_finite, norms, due))
            changes.append((self, "grad_norm", norm))
            factors = self._factors(norms, norm, unscale, due)
        extras = self._extras(due, norms is not None)
        rows, row_of = _scaled(due, unscale, factors)
        if guarded and norms is not None:
            if self.skips.in_a_row:
                changes.append(self.skips.ended())
            calm = max(norms.each) * unscale <= LIMIT and not self._wild
            risks = self._risks.of(due.rows, due.values)
            if calm and not self._risks.are_calm:
                calm = overflow.decay_is_moderate(plan, arrays, due, risks)
            if not calm:
                how = rows, row_of, extras, given["flush_subnormals"], risks
                step = overflow.Step(plan, arrays, due, norms.each, unscale, factors, *how)
                found = overflow.look(step, self._wild)
                if found.reason:
                    return self._leave_out(plan, due, norm, partial(overflow.complaint, found.reason))
                changes.append((self, "_wild", found.wild))
        changes += self.scale.changes(finite=True)
        changes += self._begin(due)
        if given["stats"]:
            assert norms is not None
            sums = plan.run_with_sums(rows, threads, extras, changes, row_of)
            self.report = reports(self._parameters.group_of, norms, unscale, factors, sums)
        else:
            plan.run(rows, threads, extras, changes, row_of)
        return True

    def _leave_out(self, plan: Plan, due: "Due", norm: float, complaint: Callable[[bool], str]) -> bool:
        """Leave the step out, or raise where that is asked for; `complaint` takes whether it is."""
        if self._given["nonfinite"] == "raise":
            raise FloatingPointError(complaint(True))
        skips, scale = self.skips, self.scale.changes(finite=False)
        skips.check(self._given["max_consecutive_skips"], complaint)
        warns = skips.warns()
        if due.zero:
            zero(due.gradients)
        left_out: list[Change] = [*skips.changes(), (self, "grad_norm", norm), (self, "report", None)]
        plan.commit([*left_out, *due.anyway, *scale])
        if warns:  # when all has been decided and counted: where warnings are errors, it raises
            skips.warn(complaint)
        return False

    def _not_finite(self, norms: Norms, due: "Due", raises: bool) -> str:
        """Name the gradients that are not finite; where, if the error is for this step alone."""
        if raises:
            return complaint(self._parameters, norms, due.gradients)
        bad = [n for n, count in zip(self._parameters.names, norms.nonfinite, strict=True) if count]
        what = "gradient of" if len(bad) == 1 else "gradients of"
        return (
            f"the {what} {listed(list(map(repr, bad)))} {'is' if len(bad) == 1 else 'are'} not finite"
        )

    def _factors(self, norms: Norms, norm: float, unscale: float, due: "Due") -> list[float]:
        """Compute by what the norm of each gradient is clipped."""
        common = common_clip_factor(norm, self._given["global_clipnorm"])
        if not clips_each(due.clips):
            return [common] * len(norms.each)
        return [
            common * clip_factor(own * unscale, due.clips[group])  # one of them is 1
            for own, group in zip(norms.each, self._parameters.group_of, strict=True)
        ]

    def _extras(self, due: "Due", backwards: bool) -> Extras:
        average = None if self.averages is None else self.averages.weights(due.step)
        pull = None if self.slow is None else self.slow.weights(due.step)
        return Extras(
            due.zero,
            average is not None,
            *(average or UNUSED),
            pull is not None,
            *(pull or UNUSED),
            backwards,
        )


class Due(NamedTuple):
    """A step that is to be taken."""

    rows: list[Row | None]  # of scalars, one for each cohort
    cohort_of: list[int]  # for each parameter
    gradients: Sequence[Any]  # bound to the plan
    clips: Sequence[float | None]  # clipnorm of each group
    step: int  # how many have been taken before, 0, 1, 2, ...
    added: float  # of how many gradients these are the sum: the sum of their weights
    zero: bool  # whether to zero them
    changes: Sequence[Change]  # that come with the step
    anyway: Sequence[Change]  # those that come also where it is left out
    values: list[Values | None]  # hyperparameters of each row that is used
    taking: Taking | None  # with which they were bound
    bound: Callable[[int], Bound]  # what is bound to the plan for a parameter


def reads(given: Mapping[str, Any], clips: Sequence[float | None]) -> bool:
    """Say whether a step has to read all gradients before it begins."""
    return (
        given["global_clipnorm"] is not None
        or given["nonfinite"] != "propagate"
        or given["loss_scale"] == "dynamic"
        or given["stats"]
        or clips_each(clips)
    )


def _scaled(due: Due, unscale: float, factors: list[float]) -> tuple[list[Row | None], Sequence[int]]:
    """Put the factors into the scale of each cohort's row, or of each array's where they differ."""
    rows: list[Row | None] = due.rows
    row_of: Sequence[int] = ()
    if len(set(factors)) > 1:
        rows, row_of = [rows[cohort] for cohort in due.cohort_of], range(len(due.cohort_of))
    else:
        factors = factors[:1] * len(rows)
    scaled = [
        row and (row[0]._replace(scale=row[0].scale * (unscale * factor)), row[1])
        for row, factor in zip(rows, factors, strict=True)
    ]
    return scaled, row_of


def zero(gradients: Sequence[Any]) -> None:
    """Zero those that are there."""
    for g in gradients:
        if g is not None:
            g[...] = 0


def complaint(
    parameters: Parameters, norms: Norms, gradients: Sequence[Any], what: str = "gradient"
) -> str:
    """Say which gradients are not finite, and where."""
    bad = [i for i, count in enumerate(norms.nonfinite) if count]
    names, g = parameters.names, taken(gradients[bad[0]], parameters.arrays[bad[0]].dtype)
    where = tuple(int(k) for k in np.argwhere(~np.isfinite(g))[0])
    others = f", and {len(bad) - 1} other gradients are not" if len(bad) > 1 else ""
    at = f", the first at {where}" if where else ""
    return (
        f"the {what} of {names[bad[0]]!r} is not finite: {norms.nonfinite[bad[0]]} of {g.size} "
        f"entries are infinite or NaN{at}{others}. Nothing has been updated; nonfinite='skip' leaves "
        "such steps out, and 'propagate' takes them"
    )
