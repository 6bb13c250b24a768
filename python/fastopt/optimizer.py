"""Optimizer: parameters in groups, their state, and the step."""

import inspect
from collections.abc import Mapping, Sequence
from threading import Lock
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt import backends, checks
from fastopt.cohorts import Cohort, divide
from fastopt.groups import Group
from fastopt.hyperparameters import Declared, Hyper, flag, given, number, suggest
from fastopt.memory import state_beside
from fastopt.parameters import Parameters
from fastopt.rules import Rule, RuleFunction, rule_of
from fastopt.threads import get_num_threads

_OPTIONS = ("backend", "grads")
_ATTRIBUTES = ("params", "groups", "backend")


class Optimizer(Declared):
    """Updates parameters in place from their gradients. The base of every algorithm.

    A subclass declares its hyperparameters, and has

    - ``rule(p, g, <states>, c)``: the update of one element, which returns the new p and states; or
      `select_rule`, where options choose among several;
    - ``coefficients(h, t)``: a NamedTuple of every scalar that the rule uses, from the group's
      hyperparameters ``h`` and the number of the step, 1, 2, ...; computed in double, once per step;
    - ``carried``: scalars that go from one step to the next, declared like hyperparameters. A class
      that has some gets them as a third argument of `coefficients`, to read and to set.

    Parameters
    ----------
    params : array, or list, tuple or dict of arrays (nested as you like), or list of groups
        What is updated: C- or F-contiguous, writeable NumPy arrays, float32 or float64. A group is a
        dict ``{"params": ..., "lr": ...}`` with hyperparameters of its own.
    lr : float
        Learning rate. It and all that follows is given by keyword.
    weight_decay : float
        Added to the gradient as ``weight_decay * p``, or, if `decoupled_weight_decay`, taken off the
        parameter as ``lr * weight_decay * p``.
    maximize : bool
        Ascend instead of descend.
    grads : optional
        Gradients bound once, in the structure of the parameters; then ``step()`` needs none.
    backend : {"native", "numba", "numpy"}, optional
        The first that is there, unless `use_backend` or ``FASTOPT_BACKEND`` say otherwise.

    Raises
    ------
    TypeError, ValueError
        For arrays that cannot be updated in place, hyperparameters out of range, unknown names; the
        message says which, and what to do. Nothing has changed then.
    """

    if TYPE_CHECKING:  # the constructor that type checkers see: these, then the hyperparameters
        params: Any = given(kw_only=False)
        grads: Any = None
        backend: Any = None  # a name or None to give, a name to read

    lr: float = number(default=1e-3, at_least=0.0)
    weight_decay: float = number(default=0.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    maximize: bool = flag(default=False)

    hyperparameters: ClassVar[Mapping[str, Hyper]] = MappingProxyType({})
    carried: ClassVar[Mapping[str, Hyper]] = MappingProxyType({})
    rule: ClassVar[RuleFunction]
    coefficients: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found: dict[str, Hyper] = {}
        for base in reversed(cls.__mro__):
            found.update({k: v for k, v in vars(base).items() if isinstance(v, Hyper)})
        cls.hyperparameters = MappingProxyType(found)
        cls.__signature__ = _signature(cls.hyperparameters)  # type: ignore[attr-defined]

    def __init__(self, params: Any, *args: Any, **keywords: Any) -> None:
        self._check_class()
        self._check_names(args, keywords)
        options = {name: keywords.pop(name, None) for name in _OPTIONS}
        shared = {
            name: self.hyperparameters[name].check(value, name) for name, value in keywords.items()
        }
        self.params = params
        self._parameters = Parameters(params, self.hyperparameters)
        self.groups = [
            Group(
                container,
                i if len(self._parameters.groups) > 1 else None,
                self.hyperparameters,
                {**shared, **own},
                self.check_hyperparameters,
            )
            for i, (container, own) in enumerate(self._parameters.groups)
        ]
        self._states: list[dict[str, NDArray[Any]]] = [{} for _ in self._parameters.arrays]
        self._cohorts = [
            Cohort(group, 0, {k: v.default for k, v in self.carried.items()}) for group in self.groups
        ]
        self._cohort_of = list(self._parameters.group_of)
        self._divided = False
        self.backend = backends.choose(options["backend"], self._rules())
        self._plan = self._make_plan()
        self._stepping = Lock()
        self._taken = SimpleNamespace(steps=0)
        self._grads = options["grads"]
        if self._grads is not None:
            self._bind(self._grads)

    # What an algorithm defines.

    @classmethod
    def select_rule(cls, h: SimpleNamespace) -> RuleFunction:
        """Choose the rule for a group's hyperparameters; by default there is one, ``rule``."""
        return cls.rule

    @classmethod
    def initial_state(cls, h: SimpleNamespace, name: str, p: NDArray[Any]) -> Any:
        """Give what a state begins with: a number, or an array in the shape of p."""
        return 0.0

    @classmethod
    def check_hyperparameters(cls, h: SimpleNamespace) -> None:
        """Raise ValueError for values that do not go together."""

    # The step.

    def step(self, grads: Any = None) -> None:
        """Take one step: update every parameter that has a gradient, and its state, in place.

        Parameters
        ----------
        grads : in the structure of the parameters
            Gradients with the shape and dtype of their parameters, of any layout, which are read
            alone; None where a parameter sits out. Left out where they were bound with ``grads=``.

        Raises
        ------
        TypeError, ValueError
            For a gradient that does not fit, or a parameter that is no longer the one that was given;
            the message names it. No byte has changed then.
        RuntimeError
            If another thread is inside a step of this optimizer.
        """
        if not self._stepping.acquire(False):
            raise RuntimeError("this optimizer is in the middle of a step on another thread")
        try:
            self._step(self._grads if grads is None else grads)
        finally:
            self._stepping.release()

    def _step(self, grads: Any) -> None:
        if grads is None:
            raise TypeError("there are no gradients: use step(grads), or bind them with grads=...")
        for group in self.groups:
            if group.changed:
                self._follow_changes()
        gradients = self._bind(grads)
        self._plan.run(list(map(self._row, self._cohorts)), get_num_threads())
        del gradients  # they had to live until here
        for cohort in self._cohorts:
            cohort.commit()
        self._taken.steps += 1

    def _bind(self, grads: Any) -> Sequence[Any]:
        """Check all that a step needs of its arrays; part the cohorts where gradients are None."""
        gradients = self._parameters.gradients(grads)
        found = self._plan.bind(gradients, self._parameters.now(), False)
        if found >= 0 and any(isinstance(g, np.generic) for g in gradients):
            # NumPy's arithmetic makes scalars of 0-d arrays; they are gradients of 0-d parameters.
            gradients = [np.asarray(g) if isinstance(g, np.generic) else g for g in gradients]
            found = self._plan.bind(gradients, self._parameters.now(), False)
        if found >= 0:
            self._parameters.explain(gradients, self._named_states())
            # Nothing is wrong: a strided gradient only reaches across memory that is written.
            found = self._plan.bind(gradients, None, True)
            if found >= 0:
                raise RuntimeError(f"parameter {self._parameters.names[found]!r} cannot be updated")
        if found == backends.SOME_ABSENT or self._divided:
            present = [g is not None for g in gradients]
            self._cohorts, self._cohort_of = divide(self._cohorts, self._cohort_of, present)
            self._plan.assign(self._cohort_of)
            self._divided = found == backends.SOME_ABSENT
        return gradients

    def _row(self, cohort: Cohort) -> backends.Row | None:
        """Compute the scalars of a step."""
        if not cohort.active:
            return None
        group = cohort.group
        if not self.carried:
            return group.stage_scalars, self.coefficients(group.h, cohort.t + 1)
        carried = cohort.pending = SimpleNamespace(**cohort.carried)
        return group.stage_scalars, self.coefficients(group.h, cohort.t + 1, carried)

    # Parameters, groups, state.

    @property
    def step_count(self) -> int:
        """How many steps have been taken."""
        steps: int = self._taken.steps
        return steps

    @property
    def names(self) -> list[str]:
        """The names of the parameters, by their keys and indices: ``"layer.w"``."""
        return list(self._parameters.names)

    @property
    def state(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state arrays themselves, by parameter name and state name: ``state["layer.w"]["m"]``."""
        return {n: dict(s) for n, s in zip(self._parameters.names, self._states, strict=True)}

    def __repr__(self) -> str:
        arrays = self._parameters.arrays
        values = sum(p.size for p in arrays)
        head = f"{type(self).__name__}({len(arrays)} arrays, {values:,} values, {self.backend})"
        return "\n  ".join([head, *map(repr, self.groups)])

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name.startswith("_") or name in _ATTRIBUTES or hasattr(type(self), name)):
            known = suggest(name, self.hyperparameters)
            raise AttributeError(f"{type(self).__name__} has no hyperparameter {name!r}: {known}")
        super().__setattr__(name, value)

    def _check_class(self) -> None:
        cls = type(self)
        chooses = cls.select_rule.__func__ is not Optimizer.select_rule.__func__  # type: ignore[attr-defined]
        if not (hasattr(cls, "rule") or chooses):
            raise TypeError(f"{cls.__name__} has no rule: give it one, or a select_rule")
        if not hasattr(cls, "coefficients"):
            raise TypeError(f"{cls.__name__} has no coefficients(h, t), which its rule needs")

    def _check_names(self, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        if args:
            raise TypeError(
                f"{type(self).__name__} takes its hyperparameters by keyword alone, as in lr=1e-3; "
                f"{args[0]!r} was given by position"
            )
        for name in given:
            if name not in self.hyperparameters and name not in _OPTIONS:
                known = suggest(name, [*self.hyperparameters, *_OPTIONS])
                raise TypeError(f"{type(self).__name__} has no hyperparameter {name!r}: {known}")

    def _named_states(self) -> list[checks.Named]:
        return [
            (f"state {state!r} of {name!r}", array)
            for name, arrays in self.state.items()
            for state, array in arrays.items()
        ]

    def _rules(self) -> list[Rule]:
        return [rule_of(self.select_rule(group.h)) for group in self.groups]

    def _follow_changes(self) -> None:
        """Make another plan if changed hyperparameters ask for other rules."""
        if self._rules() != self._planned_rules:
            self._plan = self._make_plan()
        for group in self.groups:
            group.changed = False

    def _make_plan(self) -> backends.Plan:
        """Allocate the state that the rules need and do not have yet, and bind all arrays."""
        rules = self._rules()
        states = []
        bound: list[tuple[NDArray[Any], ...]] = []
        for i, p in enumerate(self._parameters.arrays):
            group = self._parameters.group_of[i]
            had = dict(self._states[i])
            for number_, name in enumerate(rules[group].states):
                if name not in had:
                    fill = self.initial_state(self.groups[group].h, name, p)
                    had[name] = state_beside(p, fill, number_)
            states.append(had)
            bound.append((p, *(had[name] for name in rules[group].states)))
        self._try_own_rules(rules)
        chosen = [rules[group] for group in self._parameters.group_of]
        plan = backends.backend(self.backend).make_plan(bound, chosen, self._cohort_of)
        self._states = states
        self._planned_rules = rules
        return plan

    def _try_own_rules(self, rules: list[Rule]) -> None:
        """Take a step with a user's rule on one element, so that it fails here or not at all."""
        for group, rule in zip(self.groups, rules, strict=True):
            if rule.is_ours:
                continue
            row = self._row(Cohort(group, 0, {k: v.default for k, v in self.carried.items()}))
            for dtype in {p.dtype for p in self._parameters.arrays}:
                arrays = tuple(np.ones(1, dtype) for _ in range(1 + len(rule.states)))
                try:
                    plan = backends.backend(self.backend).make_plan([arrays], [rule], [0])
                    plan.bind([np.ones(1, dtype)], None, True)
                    plan.run([row], 1)
                except Exception as error:
                    raise TypeError(
                        f"the rule {rule.name} of {type(self).__name__} cannot be run on {dtype}; it "
                        f"must return the new p{''.join(', ' + s for s in rule.states)}: {error}"
                    ) from error

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
        value = self.hyperparameters[name].check(value, name)
        checked = [group.with_values({name: value}) for group in self.groups]
        for group, h in zip(self.groups, checked, strict=True):
            group.set(h)


def _signature(declared: Mapping[str, Hyper]) -> inspect.Signature:
    """Make the signature that help() shows: params, and the rest by keyword."""
    kind = inspect.Parameter
    defaults = {**{name: hyper.default for name, hyper in declared.items()}, **dict.fromkeys(_OPTIONS)}
    keywords = [kind(name, kind.KEYWORD_ONLY, default=value) for name, value in defaults.items()]
    return inspect.Signature([kind("params", kind.POSITIONAL_OR_KEYWORD), *keywords])
