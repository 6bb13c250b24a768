"""The values of a group: checked, computed for each step, and what follows from them for the plan."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from fastopt.algorithm import (
    NOT_NEGATIVE,
    OPTIONS,
    Number,
    Option,
    StageScalars,
    Values,
    check_first_step,
    check_number,
    entries,
    is_moderate,
    is_scheduled,
    transforms_of,
)
from fastopt.model.commit import Change, make
from fastopt.model.gate import Gate
from fastopt.model.tapes import Recordings, as_checked, blank_tape, recorded
from fastopt.runtime import describe, other_names

if TYPE_CHECKING:
    from fastopt.algorithm import Algorithm


class Given(NamedTuple):
    """Checked values of a group: numbers and functions of the step, and factors."""

    values: Mapping[str, Any]
    multiply: Mapping[str, float]
    h: Values  # what they are at a step
    step: int  # of which

    @property
    def clips(self) -> bool:
        """True where the norm of each gradient is limited, at this step or at another."""
        return self.values["clipnorm"] is not None


class GroupValues:
    """The values that a group has been given, and what they are at a step. See `Group`."""

    __slots__ = (
        *(
            "_counter",
            "_declared",
            "_factors",
            "_gate",
            "_given",
            "_moderate",
            "_recordings",
            "_single",
            "_step",
            "coefficients",
        ),
        *("computed", "container", "index", "kind", "other", "scheduled", "stage_scalars", "tape"),
    )

    computed: Values  # h, as it was computed last; a plan that has a tape goes on by itself
    stage_scalars: StageScalars
    tape: Any  # which computes the scalars of a step from that; None where Python does
    _step: int  # for which it was computed
    _moderate: bool  # whether no number is near the end of the range of float32
    scheduled: list[str]  # hyperparameters that are functions of the step

    def __init__(
        self,
        params: Any,
        index: int | None,
        kind: "type[Algorithm]",
        other: bool,
        given: Mapping[str, Any],
        gate: Gate,
        counter: Any,
        single: str | None,
    ) -> None:
        self.index = index  # None for the only one
        self.container = params
        self.kind = kind
        self.other = other  # than the class of the optimizer
        self.coefficients = kind.coefficients  # where a step finds it at once
        self._declared = kind.hyperparameters
        self._gate = gate
        self._counter = counter  # of the steps
        self._single = single  # the name of a parameter that is float32
        self._given: Mapping[str, Any] = {k: hyper.default for k, hyper in self._declared.items()}
        self._factors: Mapping[str, float] = {}
        self._recordings = Recordings()
        make(self.changes(self.with_values(given)))

    def with_values(self, given: Mapping[str, Any], step: int | None = None) -> Given:
        """Return the hyperparameters with some of them changed, checked for a step but not yet set."""
        values, multiply = dict(self._given), self._factors
        for name, value in given.items():
            if name == "multiply":
                multiply = self._checked_factors(value)
            else:
                values[name] = self._hyper(name).accept(value, name + self._which())
                if values[name] != self._given[name] and self._hyper(name).once:
                    self._check_made(name, values[name])
        # What stays as it is has been checked, where it is not for another step.
        all_anew = step is not None or "multiply" in given or not hasattr(self, "computed")
        anew = self._declared if all_anew else [*given, *self.scheduled]
        step = self._counter.steps if step is None else step
        now = {name: self._at(name, values, multiply, step) for name in anew}
        h = Values(**now) if all_anew else self.computed.but(now)
        self.kind.check_together(h)
        found = Given(values, multiply, h, step)
        self.check(found, anew)
        return found

    def _check_made(self, name: str, value: Any) -> None:
        if hasattr(self, "computed"):
            raise ValueError(
                f"{name}{self._which()} is {self._given[name]!r}, as was decided when its states were "
                f"made: make an optimizer with {name}={value!r}"
            )

    def moderately(self, name: str, value: Any) -> list[Change] | None:
        """List what changes when a number, or a pair, is put in place of one; None for more than that.

        Both are moderate and fixed: no step has to look at more than scalars, and no check refuses any.
        """
        known, kind = self._given, self.kind
        if type(known.get(name)) is not type(value) or not self._moderate:
            return None
        if self._factors or self.scheduled:
            return None
        if not self._declared[name].validator.holds(value):
            return None
        h = self.computed.but({name: value})
        kind.check_together(h)
        if kind.select_rule(h) is not kind.select_rule(self.computed):
            return None
        return [
            (self, "computed", h),
            (self, "stage_scalars", kind.stage_scalars(h)),
            (self, "_given", vars(h)),  # as without factors and schedules
        ]

    def check(self, given: Given, names: Iterable[str] | None = None) -> None:
        """Raise ValueError for numbers that the dtype of the parameters cannot hold.

        `names` are those that are new, where the others have been checked.
        """
        declared = self._declared
        new = declared if names is None else {name: declared[name] for name in names}
        for entry in entries(new, given.values, given.h):
            check_number(entry, self._single, self._which())
        check_first_step(self.kind, given.h, self._single, self._which())

    def changes(self, given: Given) -> list[Change]:
        """List what changes when the group gets what `with_values` made."""
        h, kind = given.h, self.kind
        numbers = [
            value for value in vars(h).values() if type(value) in (float, tuple) and value != 0.0
        ]
        return [
            (self, "computed", h),
            (self, "_step", given.step),
            (self, "stage_scalars", kind.stage_scalars(h)),
            (self, "_given", given.values),
            (self, "_factors", given.multiply),
            (self, "scheduled", [k for k, value in given.values.items() if is_scheduled(value)]),
            (self, "_moderate", kind.is_ours() and all(map(is_moderate, numbers))),
            (self, "tape", blank_tape() if kind.is_ours() else None),
            (self._gate, "changed", True),
        ]

    def draft(self, given: Given) -> Self:
        """Make a group as this one will be: what others need to be made before it is changed."""
        found = copy(self)
        make([change for change in found.changes(given) if change[0] is found])
        return found

    def next(self) -> Values:
        """Compute the hyperparameters for the step that comes, where some are functions of it."""
        return self._at_step(self._counter.steps)

    def _at_step(self, step: int) -> Values:
        changed = {name: self._at(name, self._given, self._factors, step) for name in self.scheduled}
        h = self.computed.but(changed)
        self.kind.check_together(h)
        if not all([is_moderate(value) for value in changed.values()]):  # rarely
            self.check(Given(self._given, self._factors, h, step))
        return h

    def now(self, h: Values) -> None:
        """Set what `next` computed."""
        kind = self.kind
        scalars = kind.stage_scalars(h)
        before = self.computed
        other = kind.select_rule(h) is not kind.select_rule(before)
        if other or transforms_of(h) != transforms_of(before):
            self._gate.changed = True
        self.computed, self.stage_scalars, self._step = h, scalars, self._counter.steps

    @property
    def h(self) -> Values:
        """The hyperparameters of the last step, multiplied; before the first, of that."""
        if self.scheduled and self._step < self._counter.steps - 1:
            return self._at_step(self._counter.steps - 1)
        return self.computed

    @property
    def carried(self) -> Values:
        """Scalars that the optimizer carries for an algorithm that measures all parameters."""
        kept = self._counter.carried.get(self.kind.__name__) or self.kind.initial_carried()
        return Values(**kept)

    @property
    def is_recordable(self) -> bool:
        """True where the values at a step are arithmetic alone, which a plan can do by itself."""
        if not self.kind.is_ours() or "clipnorm" in self.scheduled:
            return False
        values = [self._given[name] for name in self.scheduled]
        parts = [x for value in values for x in (value if isinstance(value, tuple) else (value,))]
        return all([getattr(x, "is_recordable", not callable(x)) for x in parts])

    def record(
        self, t: int, carried: Mapping[str, float], check: Callable[[StageScalars, Any], None]
    ) -> None:
        """Record how the scalars of a step are computed, of a step count with these.

        `check` is given them, and raises where they are not for the plan to compute.
        """
        step = self._counter.steps
        if step >= self._recordings.next:
            self._recordings = self._recordings.after(step)
            scalars = partial(self._scalars, check)
            self.tape = recorded(self.computed, step, t, carried, scalars)

    def _scalars(
        self,
        check: Callable[[StageScalars, Any], None],
        h: Values,
        step: Any,
        t: Any,
        *carried: Values,
    ) -> tuple[StageScalars, Any]:
        """Compute the scalars of a step from recorded numbers."""
        kind = self.kind
        if self.scheduled and self.is_recordable:
            now = {name: self._at(name, self._given, self._factors, step) for name in self.scheduled}
            h = h.but({name: as_checked(value) for name, value in now.items()})
            kind.check_together(h)
            kind.select_rule(h)  # whose comparisons have to come out alike, or the plan is another
        found = kind.stage_scalars(h), kind.coefficients(h, t, *carried)
        check(*found)
        return found

    @property
    def current(self) -> Given:
        """All values as they were given, in the form that `changes` accepts."""
        return Given(self._given, self._factors, self.h, self._counter.steps)

    @property
    def clips(self) -> bool:
        """True where the norm of each gradient is limited, at this step or at another."""
        return self._given["clipnorm"] is not None

    def _at(
        self,
        name: str,
        values: Mapping[str, Any],
        multiply: Mapping[str, float],
        step: int | None = None,
    ) -> Any:
        """Return the value at `step` (default: the next one) times its factor."""
        where = name + self._which()
        step = self._counter.steps if step is None else step
        value = self._declared[name].at(values[name], step, where)
        if name not in multiply or value is None:
            return value
        factor = multiply[name]
        return self._declared[name].check(value * factor, f"{where}, multiplied by {factor!r},")

    def _checked_factors(self, given: Any) -> Mapping[str, float]:
        where = f"multiply{self._which()}"
        if not isinstance(given, Mapping):
            raise TypeError(f'{where} is {describe(given)}; it must be like {{"lr": 0.1}}')
        found: dict[str, Any] = {}
        for name, value in given.items():
            if not isinstance(self._hyper(name).validator, Number):
                raise TypeError(
                    f"{where} has {name!r}, which is no number and cannot be multiplied: give its "
                    f"value beside multiply, {{{name!r}: ...}}"
                )
            found[name] = NOT_NEGATIVE.check(value, f"{where} for {name}")
        return found

    def _which(self) -> str:
        if self.other:
            return f" of group {self.index or 0} ({self.kind.__name__})"
        return "" if self.index is None else f" of group {self.index}"

    def _hyper(self, name: str) -> Option:
        if name not in self._declared:
            known = self._meant(name)
            raise TypeError(f"there is no hyperparameter {name!r}{self._which()}: {known}")
        return self._declared[name]

    def _meant(self, name: str) -> str:
        """Describe what a name means that is none of a hyperparameter: one of ours, or a setting."""
        of_all = name if name in OPTIONS else other_names.ours(name, OPTIONS)
        if of_all is None:
            return other_names.option(name, self._declared)
        setting, _, value = of_all.partition("=")
        later = f", or opt.{setting} = ..." if OPTIONS[setting].scope == "optimizer" else ""
        return f"an optimizer has one for all groups: {setting}={value or '...'} beside params{later}"


def moderate_changes(groups: Sequence[GroupValues], name: str, value: Any) -> list[Change] | None:
    """List what changes when a hyperparameter of groups is set, where no more has to be looked at."""
    if not is_moderate(value):
        return None
    found: list[Change] = []
    for group in groups:
        changes = group.moderately(name, value)
        if changes is None:
            return None
        found += changes
    return found
