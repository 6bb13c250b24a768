"""What an optimizer is made of: parameters in groups, state, plan, and the step."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt import backends, frameworks
from fastopt.algorithm import settings
from fastopt.algorithm.base import Algorithm
from fastopt.algorithm.hyperparameters import Values
from fastopt.algorithm.representable import check_settings
from fastopt.algorithm.rule import Rule, rule_of
from fastopt.algorithm.stages import USUAL, stage_for
from fastopt.arrays.lifetime import Hold
from fastopt.arrays.read_only import read_only_list
from fastopt.backends import Taking
from fastopt.followers.averages import Averages
from fastopt.model.attributes import GROUPS
from fastopt.model.commit import Change
from fastopt.model.ended_schedules import warn_if_ended
from fastopt.model.gate import STEPPING, hold
from fastopt.model.groups import Group, group_class
from fastopt.model.parameters import Parameters
from fastopt.model.states import States, completed
from fastopt.model.step_counts import Cohort, divide
from fastopt.numerics import casting
from fastopt.runtime.threads import get_num_threads
from fastopt.step.accumulation import Accumulator
from fastopt.step.loss_scaling import LossScale
from fastopt.step.overflow import Bound
from fastopt.step.pipeline import Due, Pipeline, reads
from fastopt.step.unseen import watches


class Core(Algorithm):
    """The machinery of `Optimizer`."""

    def _build(self, params: Any, like: Any, shared: dict[str, Any], keywords: dict[str, Any]) -> None:
        self._settings = settings.checked(keywords)
        self._params, self.like = params, like
        self._grads, self._shared = keywords.get("grads"), shared
        self._grouping = keywords.get("groups")
        self._parameters = Parameters(params, self.hyperparameters, self._grouping)
        self._frozen = list(self._parameters.frozen)
        self._taken = Values(steps=0, doing=STEPPING)
        # In the groups, until `_follow_changes` has looked; and whether the caller has read the arrays.
        self._news = Values(changed=True, read=False)
        self.groups = self._make_groups(self._parameters)
        self._before: list[Any] = []  # hooks, and those after a step
        self._after: list[Any] = [*watches()]
        self._states: States = [{} for _ in self._parameters.arrays]
        self._cohorts = [Cohort(group, 0, self.initial_carried()) for group in self.groups]
        self._cohort_of = list(self._parameters.group_of)
        self._present: list[bool] | None = None  # who took the last step, if not all did
        self.backend = backends.choose(keywords.get("backend"), self._rules())
        self._free = [True]  # one token: who takes it holds the optimizer; quicker than a lock
        # No Python function, in which a signal could come first.
        self._end: Callable[[], None] = partial(self._free.append, True)
        self._taken.free = self._free
        self._scheduled = [group for group in self.groups if group.scheduled]
        self._pipeline = Pipeline(self._settings, self._parameters, self.is_ours())
        self._accumulator: Accumulator | None = None
        self._taking: Taking | None = None
        self._plan = self._make_plan()
        self._look_at_settings()

    def _make_groups(self, parameters: Parameters) -> list[Group]:
        containers = parameters.groups
        make = group_class(type(self))
        groups = [
            make(
                container,
                i if len(containers) > 1 else None,
                type(self),
                frameworks.defaults(type(self), self.like, self._shared, own),
                self._taken,
                self._news,
                parameters.singles[i],
            )
            for i, (container, own) in enumerate(containers)
        ]
        return read_only_list(groups, GROUPS, "opt.groups")

    @property
    def params(self) -> Any:
        """The parameters, as they were given."""
        self._news.read = True
        return self._params

    # The step.

    def _begin(self, doing: str = STEPPING, even_closed: bool = False) -> None:
        """Hold the optimizer, until `_end`; RuntimeError where something else does, or it is closed."""
        if even_closed and self._hold.released:
            return  # nothing changes any more
        try:
            self._free.pop()
        except IndexError:
            raise self._busy() from None
        except BaseException:  # of a signal's handler, which runs when the token has been taken
            self._free.append(True)
            raise
        self._taken.doing = doing

    def _check_open(self) -> None:
        if self._hold.released:
            raise self._busy()

    def _busy(self) -> RuntimeError:
        return RuntimeError(f"this optimizer {self._taken.doing}")

    def _bind(self, grads: Any) -> Sequence[Any]:
        """List the gradients, and check all that a step needs of its arrays."""
        return self._bind_arrays(self._listed(grads), self._parameters.now(), self._taking)

    def _listed(self, grads: Any) -> Sequence[Any]:
        if grads is None:
            raise TypeError("there are no gradients: use step(grads), or bind them with grads=...")
        return self._parameters.leaves(grads, "grads", "None where a parameter sits out")

    def _bind_arrays(
        self, gradients: Sequence[Any], now: Sequence[Any] | None, taking: Taking | None
    ) -> Sequence[Any]:
        """Bind gradients to the plan; part the cohorts where they are None."""
        if any(self._frozen):
            gradients = [
                None if frozen else g for g, frozen in zip(gradients, self._frozen, strict=True)
            ]
        given = gradients
        if self._taking is not None and self._taking.bfloat16:
            gradients = list(map(_bits, given))
        found = self._plan.bind(gradients, now, False, taking)
        if found >= 0:
            given = list(map(_plain, given))
            gradients, taking = self._as_bits(given, taking)
            found = self._plan.bind(gradients, now, False, taking)
        if found >= 0:
            parameters = self._parameters
            casts, zeroes = taking is not None and taking.cast, taking is not None and taking.written
            parameters.explain(given, self._hold, casts, zeroes)
            # Nothing is wrong: a strided gradient only reaches across memory that is written.
            found = self._plan.bind(gradients, None, True, taking)
            if found >= 0:
                raise RuntimeError(f"parameter {parameters.names[found]!r} cannot be updated")
        present = None if found == backends.BOUND else [g is not None for g in gradients]
        if present != self._present:
            takes_part = present or [True] * len(gradients)
            self._cohorts, self._cohort_of = divide(self._cohorts, self._cohort_of, takes_part)
            self._plan.assign(self._cohort_of)
            self._present = present
            self._choose_way()
        return gradients

    def _as_bits(
        self, gradients: Sequence[Any], taking: Taking | None
    ) -> tuple[Sequence[Any], Taking | None]:
        """Take bfloat16, which NumPy does not know, as its bits, if there is any."""
        if taking is None or not taking.cast:
            return gradients, taking
        # No generator: what a signal's handler raises while one is being closed is lost.
        bfloat16 = any(map(_has_bfloat16, gradients))
        self._taking = taking._replace(bfloat16=bfloat16)
        return (list(map(_bits, gradients)) if bfloat16 else gradients), self._taking

    def _update(
        self, gradients: Sequence[Any], added: float, zero: bool, anyway: Sequence[Change] = ()
    ) -> bool:
        """Take the step with gradients that are bound, and that live until then: sums of `added`."""
        rows = list(map(self._row, self._cohorts))
        changes = [change for cohort in self._cohorts for change in cohort.changes()]
        changes.append((self._taken, "steps", self._taken.steps + 1))
        if self._plain and not zero and added == 1:
            self._plan.run(rows, get_num_threads(), None, changes)
            return True
        return self._pipeline.step(
            self._plan,
            Due(
                rows,
                self._cohort_of,
                gradients,
                [group.h.clipnorm for group in self.groups],
                self._taken.steps,
                added,
                zero,
                changes,
                anyway,
                [cohort.group.h if cohort.active else None for cohort in self._cohorts],
                self._taking,
                self._bound_to,
            ),
        )

    def _bound_to(self, i: int) -> Bound:
        """Return what is bound to the plan for a parameter."""
        name, p, states = self._parameters.names[i], self._parameters.arrays[i], self._states[i]
        rule = self._planned_rules[self._parameters.group_of[i]]
        written = [(f"parameter {name!r}", p)]
        written += [(f"state {state!r} of {name!r}", states[state]) for state in rule.states]
        return Bound(self.backend, rule, written, *self._pipeline.beside(i))

    def _accumulate(self, grads: Any, weight: float) -> bool:
        """Add gradients to the sums; take the step when it is due."""
        if self._news.changed or self._scheduled:
            self._prepare()
        if self._accumulator is None:
            self._accumulator = Accumulator(self._parameters, self.backend)
            self._hold = self._make_hold(self._states)
        sums = self._accumulator
        if sums.count < self.gradient_accumulation_steps:
            gradients = self._bind(self._grads if grads is None else grads)
            self._choose_way()  # `step` looks from now on whether sums wait
            if not sums.add(gradients, self._taking, self.zero_grad, weight):
                self._hold.check()
                raise RuntimeError("the sums of the gradients cannot be updated")
        else:
            self._hold.check()
        if sums.count < self.gradient_accumulation_steps:
            return False
        return self._step_with(sums)

    def _flush(self) -> bool:
        """Take the step with the sums that wait, if there are any."""
        sums = self._accumulator
        if sums is None or not sums.count:
            return False
        if self._news.changed or self._scheduled:
            self._prepare()
        self._hold.check()
        return self._step_with(sums)

    def _step_with(self, sums: Accumulator) -> bool:
        """Take the step with the mean of what has been added up."""
        totals = self._bind_arrays(sums.totals(), self._parameters.now(), None)
        try:
            return self._update(totals, sums.weight, True, sums.begun_again())
        except FloatingPointError:
            self._accumulator = None
            raise

    def _check_nothing_waits(self) -> None:
        """Raise RuntimeError where sums wait, which a step would pass by."""
        if self._accumulator is not None and self._accumulator.count:
            raise RuntimeError(
                f"{self._accumulator.waiting()}: opt.flush() takes the step with them; call it before "
                "opt.step(grads), or give these gradients to opt.accumulate as well"
            )

    def _call(self, hooks: Sequence[Any]) -> None:
        """Call hooks, which may take themselves away meanwhile."""
        for hook in tuple(hooks):
            hook(self)

    def _row(self, cohort: Cohort) -> backends.Row | None:
        """Compute the scalars of a step."""
        if not cohort.active:
            return None
        group = cohort.group
        if not self.carried:
            return group.stage_scalars, self.coefficients(group.h, cohort.t + 1)
        carried = cohort.pending = Values(**cohort.carried)
        return group.stage_scalars, self.coefficients(group.h, cohort.t + 1, carried)

    # Changes.

    def _look_at_followers(self) -> None:
        """Let what has been through no step follow the parameters, unless something holds them."""
        if not self._pipeline.is_behind():
            return
        try:
            self._free.pop()
        except IndexError:
            return
        except BaseException:  # as in `_begin`
            self._free.append(True)
            raise
        self._taken.doing = STEPPING
        try:
            self._pipeline.refresh()
        finally:
            self._free.append(True)

    def _prepare(self) -> None:
        """Look at hyperparameters that were changed, and compute those that change by themselves."""
        if self._news.changed:
            self._scheduled = [group for group in self.groups if group.scheduled]
        if self._scheduled:
            for group, h in [(group, group.next()) for group in self._scheduled]:
                group.now(h)
            if self._rules() != self._planned_rules:
                self._news.changed = True
        if self._news.changed:
            self._follow_changes()

    def _follow_changes(self) -> None:
        """Make another plan if changed hyperparameters ask for other rules."""
        self._scheduled = [group for group in self.groups if group.scheduled]
        if self._rules() != self._planned_rules and not self._hold.released:
            self._plan = self._make_plan()
        self._look_at_settings()
        self._plan.assign(self._cohort_of)
        self._news.changed = False

    def _get(self, name: str) -> Any:
        return self._pipeline.scale.value if name == "loss_scale" else self._settings[name]

    def _set(self, name: str, value: Any) -> None:
        scale = LossScale(value) if name == "loss_scale" else self._pipeline.scale
        held = hold(self._taken)
        before = self._settings[name]
        try:
            self._settings[name] = value
            self._look_at_settings()
            self._pipeline.scale = scale
        except BaseException:
            self._settings[name] = before
            self._news.changed = True  # what follows from them is found out anew by the next step
            raise
        finally:
            held.append(True)

    def _look_at_settings(self) -> None:
        """Find out what a step has to do; raise ValueError for settings that contradict each other."""
        given = self._settings
        clips = [group.h.clipnorm for group in self.groups]
        settings.check_together(given, clips)
        check_settings(given, [group.h for group in self.groups], self._parameters.singles)
        pipeline = self._pipeline
        reading = reads(given, clips)
        if not reading:
            pipeline.grad_norm = None  # of a step when that was still asked for
        if not settings.guards(given):
            pipeline.skips.in_a_row = 0  # from now on each step is taken
        if not given["stats"]:
            pipeline.report = None
        works = reading or given["zero_grad"] or given["loss_scale"] != 1.0
        self._plain = not (works or pipeline.averages or pipeline.slow or pipeline.copies)
        self._plan.flush_subnormals(given["flush_subnormals"])
        before, self._taking = self._taking, None
        if given["zero_grad"] or given["cast_grads"]:
            bfloat16 = before is not None and before.bfloat16
            self._taking = Taking(given["zero_grad"], given["cast_grads"], bfloat16)
        self._choose_way()

    def _choose_way(self) -> None:
        """Find out whether the plan can take a step by itself: there is nothing but the update."""
        some = self._present is not None or any(self._frozen)
        more = self._taking is not None or bool(self.carried)
        self._direct = self._plain and not (some or more or self._accumulator is not None)

    # The plan.

    def _rules(self) -> list[Rule]:
        return [self._rule(group) for group in self.groups]

    def _rule(self, group: Group) -> Rule:
        rule, stage = rule_of(self.select_rule(group.h)), stage_for(group.stage_scalars)
        return rule if rule.is_ours or stage in USUAL else rule._replace(stage=stage)

    def _make_plan(self) -> backends.Plan:
        """Bind parameters and states to the rules that the groups ask for."""
        planned = self._rules()
        parameters = self._parameters
        dtypes = {p.dtype for p in parameters.arrays}
        rules = [
            rule if rule.is_ours else self._tried(rule, group, dtypes)
            for rule, group in zip(planned, self.groups, strict=True)
        ]
        states = completed(self._states, parameters, self.groups, rules, type(self))
        chosen = [rules[group] for group in parameters.group_of]
        bound: list[tuple[NDArray[Any], ...]] = [
            (p, *(state[name] for name in rule.states))
            for p, state, rule in zip(parameters.arrays, states, chosen, strict=True)
        ]
        hold = self._make_hold(states)
        plan = backends.backend(self.backend).make_plan(bound, chosen, self._cohort_of)
        self._pipeline.attach(plan)
        self._states, self._hold = states, hold
        self._planned_rules = planned
        return plan

    def _tried(self, rule: Rule, group: Group, dtypes: set[np.dtype[Any]]) -> Rule:
        """Try a user's rule, which can be wrong in many ways."""
        row = self._row(Cohort(group, 0, self.initial_carried()))
        assert row is not None
        from fastopt.backends.rule_trial import try_rule

        return try_rule(rule, row, self.backend, dtypes, type(self).__name__)

    def _averages(self, *kinds: type[Averages]) -> Averages:
        averages = self._pipeline.averages
        if not isinstance(averages, kinds):
            settings = " or ".join(kind.setting for kind in kinds)
            examples = " or ".join(f"{kind.setting}={kind.example}" for kind in kinds)
            raise ValueError(f"there are no averages of {settings}: make the optimizer with {examples}")
        return averages

    def _make_hold(self, states: States) -> Hold:
        """Hold what steps write besides the parameters, and the gradients that were bound."""
        named = [
            (f"state {state!r} of {name!r}", array)
            for name, arrays in zip(self._parameters.names, states, strict=True)
            for state, array in arrays.items()
        ]
        sums = [] if self._accumulator is None else self._accumulator.named
        return Hold([*named, *self._pipeline.named(), *sums], self._bound_gradients())

    def _bound_gradients(self) -> Sequence[Any]:
        try:
            return () if self._grads is None else self._listed(self._grads)
        except (TypeError, ValueError):
            return ()  # parameters have come or gone; the step says what is wrong

    def _check_arrays(self) -> None:
        """Raise unless parameters and what is written besides are as they were."""
        self._parameters.explain([None] * len(self._parameters.arrays), self._hold)

    # Hyperparameters of all groups at once, for the properties that `Hyper` makes.

    def _read(self, name: str) -> Any:
        values = [group[name] for group in self.groups]
        if any(value != values[0] for value in values):
            listed = ", ".join(map(repr, values))
            raise ValueError(
                f"the groups have different values of {name} ({listed}): read opt.groups[i][{name!r}]"
            )
        return values[0]

    def _write(self, name: str, value: Any) -> None:
        value = self.hyperparameters[name].accept(value, name)
        checked = [group.with_values({name: value}) for group in self.groups]
        before = [group.current for group in self.groups]
        if callable(value) or type(value) is tuple:
            warn_if_ended(name, value, self._taken.steps, f"opt.{name} = {{}}".format)
        held = hold(self._taken)
        try:
            for group, given in zip(self.groups, checked, strict=True):
                group.set(given)
        except BaseException:
            for group, given in zip(self.groups, before, strict=True):
                group.set(given)
            raise
        finally:
            held.append(True)


def _plain(g: Any) -> Any:
    """Make an array of a scalar, which NumPy's arithmetic makes of 0-d arrays."""
    return np.asarray(g) if isinstance(g, np.generic) else g


def _has_bfloat16(g: Any) -> bool:
    return isinstance(g, np.ndarray) and casting.is_bfloat16(g.dtype)


def _bits(g: Any) -> Any:
    """Give the bits of bfloat16; of what only looks like them, something that no plan takes."""
    g = _plain(g)
    if isinstance(g, np.ndarray):
        if casting.is_bfloat16(g.dtype):
            return g.view(np.uint16)
        if g.dtype == np.uint16:
            return g.view(np.int16)
    return g
