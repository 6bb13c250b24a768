"""Optimizer: parameters in groups, their state, and the step."""

import inspect
from collections.abc import Mapping, Sequence
from threading import Lock
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastopt import backends, checks, stages
from fastopt.cohorts import Cohort, divide
from fastopt.groups import Group
from fastopt.hyperparameters import Declared, Hyper, flag, number, suggest
from fastopt.memory import state_beside
from fastopt.rules import Rule, RuleFunction, rule_of
from fastopt.structure import Structure
from fastopt.threads import get_num_threads

_OPTIONS = ("backend", "grads")


class Optimizer(Declared):
    """Updates parameters in place from their gradients. The base of every algorithm.

    A subclass declares its hyperparameters, and has

    - ``rule(p, g, <states>, c)``: the update of one element, which returns the new p and states; or
      `select_rule`, where options choose among several;
    - ``coefficients(h, t)``: a NamedTuple of every scalar that the rule uses, from the group's
      hyperparameters ``h`` and the number of the step, 1, 2, ...; computed in double, once per step;
    - ``carried``: scalars that go from one step to the next, with their initial values. A class that
      has some gets them as a third argument of `coefficients`, to read and to set.

    Parameters
    ----------
    params : array, or list, tuple or dict of arrays (nested as you like), or list of groups
        What is updated: C- or F-contiguous, writeable NumPy arrays, float32 or float64. A group is a
        dict ``{"params": ..., "lr": ...}`` with hyperparameters of its own.
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

    weight_decay: float = number(default=0.0, at_least=0.0)
    decoupled_weight_decay: bool = flag(default=False)
    maximize: bool = flag(default=False)

    hyperparameters: ClassVar[Mapping[str, Hyper]] = MappingProxyType({})
    carried: ClassVar[Mapping[str, float]] = MappingProxyType({})
    rule: ClassVar[RuleFunction]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found: dict[str, Hyper] = {}
        for base in reversed(cls.__mro__):
            found.update({k: v for k, v in vars(base).items() if isinstance(v, Hyper)})
        first = {"lr": found["lr"]} if "lr" in found else {}
        cls.hyperparameters = MappingProxyType({**first, **found})
        cls.__signature__ = _signature(cls.hyperparameters)  # type: ignore[attr-defined]

    def __init__(self, params: Any, *args: Any, **kwargs: Any) -> None:
        given = self._named(args, kwargs)
        options = {name: given.pop(name, None) for name in _OPTIONS}
        self.params = params
        self.step_count = 0
        self._grads = options["grads"]
        self._stepping = Lock()
        self._read_groups(params, given)
        self._check_parameters()
        self._states: list[dict[str, NDArray[Any]]] = [{} for _ in self._parameters]
        self._cohorts = [Cohort(group, 0, dict(self.carried)) for group in self.groups]
        self.backend = backends.choose(options["backend"], self._rules())
        self._prepare()
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
        if not self._stepping.acquire(blocking=False):
            raise RuntimeError("this optimizer is in the middle of a step on another thread")
        try:
            self._step(self._grads if grads is None else grads)
        finally:
            self._stepping.release()

    def _step(self, grads: Any) -> None:
        if grads is None:
            raise TypeError("there are no gradients: use step(grads), or bind them with grads=...")
        if self._stale:
            self._prepare()
        leaves = self._bind(grads)
        rows: list[backends.Row | None] = []
        news = []
        for cohort in self._cohorts:
            row, carried = self._row(cohort) if cohort.active else (None, {})
            rows.append(row)
            news.append(carried)
        self._plan.run(rows, get_num_threads())
        del leaves  # the gradients had to live until here
        for cohort, carried in zip(self._cohorts, news, strict=True):
            if cohort.active:
                cohort.t += 1
                cohort.carried = carried
        self.step_count += 1

    def _row(self, cohort: Cohort) -> tuple[backends.Row, dict[str, float]]:
        """Compute the scalars of a step, and those that are carried on if it is taken."""
        h = cohort.group.h
        if not self.carried:
            return (stages.scalars(h), self.coefficients(h, cohort.t + 1)), cohort.carried
        carried = SimpleNamespace(**cohort.carried)
        coefficients = self.coefficients(h, cohort.t + 1, carried)
        return (stages.scalars(h), coefficients), vars(carried)

    coefficients: ClassVar[Any]

    def _bind(self, grads: Any) -> Sequence[Any]:
        """Check all that a step needs of its arrays, and part the cohorts where gradients are None."""
        structure = self._structure
        leaves = structure.leaves(grads, "grads")
        live = structure.leaves(self._containers, "params") if structure.mutable else None
        found = self._plan.bind(leaves, live, False)
        if found >= 0:
            self._explain(leaves, live)
            found = self._plan.bind(leaves, live, True)
            if found >= 0:
                raise RuntimeError(f"parameter {self.names[found]!r} cannot be updated")
        if found == backends.SOME_ABSENT or self._divided:
            present = [g is not None for g in leaves]
            self._cohorts, self._rows = divide(self._cohorts, self._rows, present)
            self._plan.assign(self._rows)
            self._divided = found == backends.SOME_ABSENT
        return leaves

    def _explain(self, leaves: Sequence[Any], live: Sequence[Any] | None) -> None:
        """Raise for whatever is wrong with the arrays of a step."""
        written = self._written()
        for i, (name, p, g) in enumerate(zip(self.names, self._parameters, leaves, strict=True)):
            if live is not None and live[i] is not p:
                place = "params" + "".join(f"[{key!r}]" for key in self._paths[i])
                raise ValueError(
                    f"{place} is not the array that this optimizer updates: an expression such as "
                    f"{place} = {place} - x put a new array there, and the optimizer would go on with "
                    f"the old one. Write into the array, {place}[...] = {place} - x, or make a new "
                    "optimizer"
                )
            checks.check_written(p, f"parameter {name!r}")
            if checks.place(p) != self._places[i]:
                raise ValueError(
                    f"parameter {name!r} has been given another shape, dtype or memory since the "
                    "optimizer was made; make a new optimizer"
                )
            if g is not None:
                checks.check_gradient(g, f"the gradient of {name!r}", p)
                checks.check_apart(g, f"the gradient of {name!r}", written)

    # Parameters, groups, state.

    @property
    def state(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state arrays themselves, by parameter name and state name: ``state["layer.w"]["m"]``."""
        return {name: dict(state) for name, state in zip(self.names, self._states, strict=True)}

    def __repr__(self) -> str:
        arrays = len(self._parameters)
        values = sum(p.size for p in self._parameters)
        head = f"{type(self).__name__}({arrays} arrays, {values:,} values, backend={self.backend!r})"
        return "\n  ".join([head, *map(repr, self.groups)])

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if len(args) > 1:
            raise TypeError(
                f"{type(self).__name__} takes params and lr by position, all else by keyword; "
                f"{len(args) + 1} were given by position"
            )
        for name in kwargs:
            if name not in self.hyperparameters and name not in _OPTIONS:
                known = suggest(name, [*self.hyperparameters, *_OPTIONS])
                raise TypeError(f"{type(self).__name__} has no hyperparameter {name!r}: {known}")
        if args and "lr" in kwargs:
            raise TypeError("lr was given twice, by position and by keyword")
        return {**({"lr": args[0]} if args else {}), **kwargs}

    def _read_groups(self, params: Any, given: dict[str, Any]) -> None:
        grouped = (
            isinstance(params, (list, tuple))
            and len(params) > 0
            and all(isinstance(group, dict) and "params" in group for group in params)
        )
        entries = params if grouped else [{"params": params}]
        self.groups: list[Group] = []
        self._containers: Any = [entry["params"] for entry in entries] if grouped else params
        self._structure = Structure.of(self._containers)
        for index, entry in enumerate(entries):
            own = {name: value for name, value in entry.items() if name != "params"}
            self.groups.append(
                Group(
                    index,
                    entry["params"],
                    self.hyperparameters,
                    {**given, **own},
                    self.check_hyperparameters,
                    self._on_change,
                )
            )
        paths = list(self._structure.paths())
        self._rows = [path[0] if grouped else 0 for path in paths]
        self._group_of = list(self._rows)
        inner = [path[1:] for path in paths]
        names = _names(inner if grouped and len(set(_names(inner))) == len(inner) else paths)
        self.names = tuple(names)
        self._paths = [(path[0], "params", *path[1:]) for path in paths] if grouped else paths
        self._stale = True
        self._divided = False

    def _check_parameters(self) -> None:
        self._parameters = list(self._structure.leaves(self._containers, "params"))
        if not self._parameters:
            raise ValueError("there are no parameters: params is empty")
        doubles = {name for name in self.names if self.names.count(name) > 1}
        if doubles:
            raise ValueError(f"two parameters have the name {min(doubles)!r}; rename one of the keys")
        for name, p in zip(self.names, self._parameters, strict=True):
            checks.check_written(p, f"parameter {name!r}")
        checks.check_disjoint(self._named_parameters())
        self._places = [checks.place(p) for p in self._parameters]

    def _named_parameters(self) -> list[checks.Named]:
        return [(f"parameter {n!r}", p) for n, p in zip(self.names, self._parameters, strict=True)]

    def _written(self) -> list[checks.Named]:
        states = [
            (f"state {state!r} of {name!r}", array)
            for name, arrays in self.state.items()
            for state, array in arrays.items()
        ]
        return self._named_parameters() + states

    def _rules(self) -> list[Rule]:
        return [rule_of(self.select_rule(group.h)) for group in self.groups]

    def _on_change(self) -> None:
        self._stale = True

    def _prepare(self) -> None:
        """Allocate the state that the rules need and do not have yet, and make the plan."""
        rules = self._rules()
        states = []
        arrays: list[tuple[Any, ...]] = []
        for i, p in enumerate(self._parameters):
            group = self._group_of[i]
            had = dict(self._states[i])
            for number_, name in enumerate(rules[group].states):
                if name not in had:
                    fill = self.initial_state(self.groups[group].h, name, p)
                    had[name] = state_beside(p, fill, number_)
            states.append(had)
            arrays.append((p, *(had[name] for name in rules[group].states)))
        chosen = [rules[group] for group in self._group_of]
        self._plan = backends.backend(self.backend).make_plan(arrays, chosen, self._rows)
        self._states = states
        self._stale = False

    # Hyperparameters of all groups at once, for the properties that `Hyper` makes.

    def _read(self, name: str) -> Any:
        values = [group[name] for group in self.groups]
        if any(value != values[0] for value in values):
            listed = ", ".join(map(repr, values))
            raise ValueError(f"the groups have different values of {name} ({listed}): read "
                             f"opt.groups[i][{name!r}]")  # fmt: skip
        return values[0]

    def _write(self, name: str, value: Any) -> None:
        before = [group.h for group in self.groups]
        try:
            for group in self.groups:
                group[name] = value
        except (TypeError, ValueError):
            for group, h in zip(self.groups, before, strict=True):
                group.h = h
            raise


def _names(paths: Sequence[tuple[Any, ...]]) -> list[str]:
    return [".".join(map(str, path)) or "params" for path in paths]


def _signature(declared: Mapping[str, Hyper]) -> inspect.Signature:
    """Make the signature that help() shows: params and lr by position, the rest by keyword."""
    kind = inspect.Parameter
    found = [kind("params", kind.POSITIONAL_OR_KEYWORD)]
    for name, hyper in declared.items():
        how = kind.POSITIONAL_OR_KEYWORD if name == "lr" else kind.KEYWORD_ONLY
        found.append(kind(name, how, default=hyper.default))
    found += [kind(name, kind.KEYWORD_ONLY, default=None) for name in _OPTIONS]
    return inspect.Signature(found)
