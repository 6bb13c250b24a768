"""Optimizer: parameters in groups, their state, and the step."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fastopt import backends, checks
from fastopt.algorithm import OPTIONS, Algorithm
from fastopt.clipping import clipped
from fastopt.cohorts import Cohort, divide
from fastopt.config import config_of, keywords_of
from fastopt.groups import Group
from fastopt.hyperparameters import given, suggest
from fastopt.lookahead import moved_ahead
from fastopt.own_rule import try_rule
from fastopt.parameters import Parameters
from fastopt.rules import Rule, rule_of
from fastopt.state import States, completed
from fastopt.threads import get_num_threads

_ATTRIBUTES = ("params", "groups", "like", "backend")  # set once, when the optimizer is made


class Optimizer(Algorithm):
    """Updates parameters in place from their gradients. The base of every algorithm.

    What a subclass defines is said at `Algorithm`.

    Parameters
    ----------
    params : array, or list, tuple or dict of arrays (nested as you like), or list of groups
        What is updated: C- or F-contiguous, writeable NumPy arrays, float32 or float64. A group is a
        dict ``{"params": ..., "lr": ...}`` with hyperparameters of its own.
    lr : float
        Learning rate. It and all that follows is given by keyword.
    weight_decay : float
        Added to the gradient as ``weight_decay * p``, or taken off the parameter.
    decoupled_weight_decay : {False, True, "fixed", "after"}
        Take ``lr * weight_decay * p`` off the parameter before the step (True), ``weight_decay * p``
        ("fixed", as in the paper of AdamW), or ``lr * weight_decay * p`` of the new p ("after").
    maximize : bool
        Ascend instead of descend.
    clipnorm : float > 0, or None
        The largest L2 norm of each gradient: a longer one is scaled down to it, before all else.
    like : {"torch", "keras", "optax", "tf1", "mlx", "sklearn", "thinc", "paper"}
        Whose rule and defaults to take; see `fastopt.dialects`. Each option can still be given.
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
        like: str = "torch"
        grads: Any = None
        backend: Any = None  # a name or None to give, a name to read

    def __init__(self, params: Any, *args: Any, **keywords: Any) -> None:
        self.check_class()
        shared = self.check_keywords(args, keywords)
        self.like = keywords.get("like", OPTIONS["like"])
        self.params = params
        self._parameters = Parameters(params, self.hyperparameters)
        containers = self._parameters.groups
        self.groups = [
            Group(
                container,
                i if len(containers) > 1 else None,
                self.hyperparameters,
                self.hyperparameters_of(self.like, shared, own),
                self.check_hyperparameters,
            )
            for i, (container, own) in enumerate(containers)
        ]
        self._states: States = [{} for _ in self._parameters.arrays]
        self._cohorts = [Cohort(group, 0, self.initial_carried()) for group in self.groups]
        self._cohort_of = list(self._parameters.group_of)
        self._divided = False
        self.backend = backends.choose(keywords.get("backend"), self._rules())
        self._clips = False
        self._plan = self._make_plan()
        self._stepping = Lock()
        self._taken = SimpleNamespace(steps=0, looks_ahead=False)
        self._grads = keywords.get("grads")
        if self._grads is not None:
            self._bind(self._grads)

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
            raise RuntimeError(self._busy())
        try:
            for group in self.groups:
                if group.changed:
                    self._follow_changes()
            gradients = self._bind(self._grads if grads is None else grads)
            rows = list(map(self._row, self._cohorts))
            if self._clips:
                rows = clipped([rows[k] for k in self._cohort_of], self._clipnorms(), self._plan)
            self._plan.run(rows, get_num_threads())
            del gradients  # they had to live until here
            for cohort in self._cohorts:
                cohort.commit()
            self._taken.steps += 1
        finally:
            self._stepping.release()

    def _bind(self, grads: Any) -> Sequence[Any]:
        """Check all that a step needs of its arrays; part the cohorts where gradients are None."""
        if grads is None:
            raise TypeError("there are no gradients: use step(grads), or bind them with grads=...")
        parameters = self._parameters
        gradients = parameters.leaves(grads, "grads", "None where a parameter sits out")
        found = self._plan.bind(gradients, parameters.now(), False)
        if found >= 0 and any(isinstance(g, np.generic) for g in gradients):
            # NumPy's arithmetic makes scalars of 0-d arrays; they are gradients of 0-d parameters.
            gradients = [np.asarray(g) if isinstance(g, np.generic) else g for g in gradients]
            found = self._plan.bind(gradients, parameters.now(), False)
        if found >= 0:
            parameters.explain(gradients, self._named_states())
            # Nothing is wrong: a strided gradient only reaches across memory that is written.
            found = self._plan.bind(gradients, None, True)
            if found >= 0:
                raise RuntimeError(f"parameter {parameters.names[found]!r} cannot be updated")
        if found == backends.SOME_ABSENT or self._divided:
            present = [g is not None for g in gradients]
            self._cohorts, self._cohort_of = divide(self._cohorts, self._cohort_of, present)
            self._assign()
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

    @contextmanager
    def lookahead(self) -> Iterator[None]:
        """Move the parameters to where momentum alone would take them, for the time of a with block.

        Nesterov's momentum as he has it: ``with opt.lookahead(): grads = ...`` takes the gradient
        there, and ``opt.step(grads)`` after the block the step. The parameters are given back bit by
        bit, also after an exception. For `SGD` and `RMSprop` with momentum and without ``nesterov``.

        Raises
        ------
        TypeError, ValueError
            For an algorithm or a group without momentum.
        RuntimeError
            If another thread is inside a step, or the optimizer looks ahead already; and from `step`
            inside the block.
        """
        if not self._stepping.acquire(False):
            raise RuntimeError(self._busy())
        self._taken.looks_ahead = True
        try:
            with moved_ahead(self):
                yield
        finally:
            self._taken.looks_ahead = False
            self._stepping.release()

    def _busy(self) -> str:
        if self._taken.looks_ahead:
            return "this optimizer looks ahead: take the step after the with block"
        return "this optimizer is in the middle of a step on another thread"

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

    def get_config(self) -> dict[str, Any]:
        """Give the name of the class and the hyperparameters of every group, as JSON can hold them."""
        return config_of(type(self).__name__, self.groups)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], params: Any) -> Self:
        """Make an optimizer with the hyperparameters that `get_config` gave.

        `params` is as of the constructor; for several groups a list with the parameters of each.
        """
        params, keywords = keywords_of(config, cls.__name__, params)
        return cls(params, **keywords)

    def __repr__(self) -> str:
        arrays = self._parameters.arrays
        values = sum(p.size for p in arrays)
        head = f"{type(self).__name__}({len(arrays)} arrays, {values:,} values, {self.backend})"
        return "\n  ".join([head, *map(repr, self.groups)])

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name.startswith("_") or name in _ATTRIBUTES or hasattr(type(self), name)):
            known = suggest(name, self.hyperparameters)
            raise AttributeError(f"{type(self).__name__} has no hyperparameter {name!r}: {known}")
        if name in _ATTRIBUTES and name in vars(self):
            raise AttributeError(f"{name} is decided when an optimizer is made: make a new one")
        super().__setattr__(name, value)

    def _named_states(self) -> list[checks.Named]:
        return [
            (f"state {state!r} of {name!r}", array)
            for name, arrays in self.state.items()
            for state, array in arrays.items()
        ]

    # The plan.

    def _rules(self) -> list[Rule]:
        return [rule_of(self.select_rule(group.h)) for group in self.groups]

    def _follow_changes(self) -> None:
        """Make another plan if changed hyperparameters ask for other rules."""
        if self._rules() != self._planned_rules:
            self._plan = self._make_plan()
        clips = any(group.h.clipnorm is not None for group in self.groups)
        if clips or self._clips:
            self._clips = clips
            self._assign()
        for group in self.groups:
            group.changed = False

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
        plan = backends.backend(self.backend).make_plan(bound, chosen, self._cohort_of)
        self._states = states
        self._planned_rules = planned
        return plan

    def _tried(self, rule: Rule, group: Group, dtypes: set[np.dtype[Any]]) -> Rule:
        """Try a user's rule, which can be wrong in many ways."""
        row = self._row(Cohort(group, 0, self.initial_carried()))
        assert row is not None
        return try_rule(rule, row, self.backend, dtypes, type(self).__name__)

    def _assign(self) -> None:
        """Give each array its row of scalars: that of its cohort, or one of its own to clip it."""
        count = len(self._cohort_of)
        self._plan.assign(list(range(count)) if self._clips else self._cohort_of)

    def _clipnorms(self) -> list[float | None]:
        return [self.groups[group].h.clipnorm for group in self._parameters.group_of]

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
