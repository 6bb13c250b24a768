"""The optimizer of fastopt within one of torch: a cache, made anew when that has changed behind it."""

from collections.abc import Sequence
from itertools import chain
from operator import is_
from typing import Any

import numpy as np
import torch

from fastopt.algorithm import Values
from fastopt.optimizer import Optimizer
from fastopt.runtime import native
from fastopt.step import core_of
from fastopt.torch.checks import KNOWN, check_gradient, check_parameter, named
from fastopt.torch.names import Names
from fastopt.torch.options import chooses, is_still, of_all, options_of, read, values_of
from fastopt.torch.tensors import Form, array_of, places

_GRADIENTS = frozenset((*KNOWN, type(None)))


def _same(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def _held(state: Any) -> list[Any]:
    """List each key of torch's state, and all that it has for it."""
    found: list[Any] = []
    for p, entry in state.items():
        found += [p, *chain.from_iterable(entry.items())]
    return found


def _holds(state: Any, known: list[Any]) -> bool:
    """Return whether torch's state has these objects and no others."""
    return bool(native.holds(state, known)) if native else _same(_held(state), known)


class Inner:
    """An optimizer of fastopt on the memory of torch's parameters, whose states are torch's too."""

    def __init__(self, kind: type[Optimizer], groups: list[dict[str, Any]], state: Any) -> None:
        self.names = Names(kind)
        self.params = [p for group in groups for p in group["params"]]
        for what, p in named(groups):
            check_parameter(p, what)
        self._lists = [list(group["params"]) for group in groups]
        self._read_options(groups)
        self._options = list(map(options_of, groups))
        self._raw = list(map(values_of, groups))
        self._values = [self.names.values(options) for options in self._options]
        each: list[bool] = []
        for values, params in zip(self._values, self._lists, strict=True):
            each += [_is_elementwise(kind, values)] * len(params)
        for (what, p), alone in zip(named(groups), each, strict=True):
            if p.is_complex() and not alone:
                raise TypeError(
                    f"{what} is complex, and {kind.__name__} looks at the shape of a parameter or at "
                    "norms: give torch.view_as_real(p)"
                )
        self._forms = [Form(p, alone) for p, alone in zip(self.params, each, strict=True)]
        for (what, p), form in zip(named(groups), self._forms, strict=True):
            if form.overlaps:
                raise ValueError(
                    f"{what} ({p.dtype}, shape {tuple(p.shape)}) has several elements in one place: "
                    "give it memory of its own, p.data = p.data.contiguous()"
                )
        self._altered = [i for i, form in enumerate(self._forms) if not form.is_plain]
        self._copied = [form for form in self._forms if form.is_copied]
        self._tracked = [p for p in self.params if not p.is_inference()]
        self._together = of_all(groups)
        arrays = [form.array for form in self._forms]
        self.opt = kind(arrays, groups=self._patterns(), **self._together)
        core_of(self.opt).gate.read = True  # others refer to the tensors, and none to these arrays
        self._scale = 1.0
        if state:
            self._load(state)
        self._share(state)

    def _read_options(self, groups: list[dict[str, Any]]) -> None:
        every = [value for group in groups for value in values_of(group)]
        self._is_still = all([is_still(value) for value in every])
        for group in groups:
            if group.get("differentiable"):
                raise RuntimeError(
                    "fastopt.torch writes into memory, through which no gradient flows: set "
                    "differentiable=False, or use torch.optim"
                )

    def _patterns(self) -> dict[Any, dict[str, Any]]:
        """Return the values of each group by the names of its parameters, which are numbers."""
        found, first = {}, 0
        for params, values in zip(self._lists, self._values, strict=True):
            if params:
                found[tuple(map(str, range(first, first + len(params))))] = values
            first += len(params)
        return found

    # State from torch, and shared with it.

    def _load(self, state: Any) -> None:
        """Load the state that torch has."""
        saved = self.opt.state_dict(copy=False)
        most = 0
        for name, p, form in zip(self.opt.names, self.params, self._forms, strict=True):
            entry = state.get(p)
            if not entry:
                continue
            kept = saved["parameters"][name]
            theirs = {there: here for here, there in self.names.states(p.dim()).items()}
            arrays = {}
            for key in entry:
                here = theirs.get(key, key)
                if here in kept["arrays"] or (theirs and key in theirs):
                    arrays[here] = _array(entry[key], p, form)
            kept["arrays"] = {**kept["arrays"], **arrays}
            steps = int(read(entry["step"], "step")) if "step" in entry else 1
            kept["steps"] = steps if self.names.counts else min(1, len(arrays))
            carried = {key: read(entry[key], key) for key in self.opt.carried if key in entry}
            if self.opt.measures_all:
                saved["carried"] = (
                    {type(self.opt).__name__: carried} if carried else saved.get("carried", {})
                )
            elif carried:
                kept["carried"] = carried
            most = max(most, kept["steps"])
        saved["steps"] = most
        self.opt.load_state_dict(saved, hyperparameters=False)

    def _share(self, state: Any) -> None:
        """Put our states into torch's, for parameters that have one there."""
        bound = core_of(self.opt).bound
        count = len(self.params)
        exact = torch.get_default_dtype() == torch.float64
        self._functions = self.names.numbers(self.opt)
        self._numbers = {
            key: np.zeros(count, np.float64 if exact else np.float32) for key in self._functions
        }
        self._tensors = []
        for i, (p, form) in enumerate(zip(self.params, self._forms, strict=True)):
            called = self.names.states(p.dim())
            found = {key: torch.from_numpy(numbers[i, ...]) for key, numbers in self._numbers.items()}
            for key in bound.states[i]:
                found[called.get(key, key)] = form.taken(bound.states[i][key])
            if not bound.states[i] and not self.names.counts:
                found = {}
            self._tensors.append(found)
        self._unshared = {i for i, p in enumerate(self.params) if not state.get(p)}
        self._count()
        for i, p in enumerate(self.params):
            if i not in self._unshared:
                state[p].update(self._tensors[i])
        self._remember(state)

    def _remember(self, state: Any) -> None:
        if self.names.floats:
            self._write_floats(state)
        self._state = _held(state)
        shared = [
            each
            for i, found in enumerate(self._tensors)
            if i not in self._unshared
            for key, each in found.items()
            if key not in self._numbers
        ]
        self._placed = [*self.params, *shared]
        self._places = places(self._placed)

    # Whether it is up to date.

    def follows(self, groups: list[dict[str, Any]], state: Any) -> bool:
        """Set hyperparameters that have changed; return whether nothing else has."""
        lists = [group["params"] for group in groups]
        if len(lists) != len(self._lists) or not all(map(_same, self._lists, lists)):
            return False
        if not _holds(state, self._state):
            return False
        if places(self._placed) != self._places or self._seen() != self._last:
            return False
        raw = list(map(values_of, groups))
        return (self._is_still and all(map(_same, self._raw, raw))) or self._set(groups, raw)

    def _set(self, groups: list[dict[str, Any]], raw: list[list[Any]]) -> bool:
        """Set hyperparameters; return False where they may ask for another rule."""
        options = list(map(options_of, groups))
        values = [self.names.values(each) for each in options]
        first = 0
        for params, before, now in zip(self._lists, self._values, values, strict=True):
            changed = {key: value for key, value in now.items() if before.get(key, key) != value}
            if now.keys() != before.keys() or any([chooses(before[k], changed[k]) for k in changed]):
                return False
            if changed and params:
                number = core_of(self.opt).bound.parameters.group_of[first]
                self.opt.groups[number].update(changed)
            first += len(params)
        self._read_options(groups)
        for name, value in of_all(groups).items():
            if value != self._together[name]:
                setattr(self.opt, name, value)
                self._together[name] = value
        self._options, self._values, self._raw = options, values, raw
        return True

    def _seen(self) -> list[bytes]:
        return [numbers.tobytes() for numbers in self._numbers.values()]

    # Averages of the algorithm.

    @property
    def is_moved(self) -> bool:
        """True while the parameters are at their averages."""
        return core_of(self.opt).evaluation is not None

    def move(self, to_averages: bool) -> None:
        """Move the parameters to their averages, or back."""
        for form in self._copied:
            form.read()
        if to_averages:
            self.opt.eval()
        else:
            self.opt.train()
        for form in self._copied:
            form.write()
        torch.autograd.graph.increment_version(self._tracked)

    # The step.

    def step(self, groups: list[dict[str, Any]], state: Any, scale: float, loss: Any) -> None:
        """Take a step with the gradients that the parameters have."""
        gradients: list[Any] = [p.grad for p in self.params]
        if not gradients or (gradients[0] is None and all([g is None for g in gradients])):
            return
        given = self._given(groups, gradients)
        if scale != self._scale:
            self.opt.loss_scale = self._scale = scale
        for form in self._copied:
            form.read()
        try:
            self.opt.step(given, **({} if loss is None else {"loss": loss}))
        except (TypeError, ValueError):
            self._explain(groups, gradients)
            raise
        for form in self._copied:
            form.write()
        all_took_part = core_of(self.opt).bound.present is None
        torch.autograd.graph.increment_version(
            self._tracked if all_took_part else [p for p in self._tracked if p.grad is not None]
        )
        self._count()
        if self._unshared or self.names.floats:
            self._share_more(gradients, state)

    def estimate(self, groups: list[dict[str, Any]], state: Any, estimates: list[Any]) -> None:
        """Mix estimates of the Hessian's diagonal into their means."""
        if len(estimates) != len(self.params):
            raise ValueError(
                f"{len(estimates)} estimates are given for {len(self.params)} parameters: give one for "
                "each, or None, opt.estimate([z * hz for ...])"
            )
        self.opt.estimate(self._given(groups, estimates, "estimate"))
        self._share_more(estimates, state)

    def _given(
        self, groups: list[dict[str, Any]], gradients: list[Any], kind: str = "gradient"
    ) -> list[Any]:
        """Return gradients as the parameters lie in memory, or as they are where all do so."""
        if not _GRADIENTS.issuperset(map(type, gradients)):
            self._explain(groups, gradients, kind)
        if not self._altered:
            return gradients
        given = list(gradients)
        for i in self._altered:
            if given[i] is not None and given[i].shape == self.params[i].shape:
                given[i] = self._forms[i].given(given[i])
        return given

    def _explain(
        self, groups: list[dict[str, Any]], gradients: Sequence[Any], kind: str = "gradient"
    ) -> None:
        """Raise for a gradient that cannot be used."""
        for (what, p), g in zip(named(groups), gradients, strict=True):
            if g is not None:
                check_gradient(g, p, f"the {kind} of {what}")

    def _share_more(self, gradients: Sequence[Any], state: Any) -> None:
        new = [i for i in self._unshared if gradients[i] is not None]
        for i in sorted(new):
            if self._tensors[i] or self.names.floats:
                state[self.params[i]].update(self._tensors[i])
        self._unshared.difference_update(new)
        if new or self.names.floats:
            self._remember(state)

    def _count(self) -> None:
        """Write the numbers that torch keeps as tensors."""
        bound = core_of(self.opt).bound
        for key, function in self._functions.items():
            values = [function(count) for count in bound.counts]
            numbers = self._numbers[key]
            numbers[...] = values[0] if len(values) == 1 else np.array(values)[bound.count_of]
        self._last = self._seen()

    def _write_floats(self, state: Any) -> None:
        bound = core_of(self.opt).bound
        together = bound.progress.carried.get(type(self.opt).__name__, {})
        for i, p in enumerate(self.params):
            if i not in self._unshared:
                carried = bound.counts[bound.count_of[i]].carried
                state[p].update({key: {**carried, **together}[key] for key in self.names.floats})


def _array(value: Any, p: Any, form: Form) -> Any:
    """Return a state of torch as an array of its own."""
    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    value = value.detach().to("cpu", p.dtype)
    return array_of(form.given(value) if value.shape == p.shape else value).copy()


def _is_elementwise(kind: type[Optimizer], values: dict[str, Any]) -> bool:
    h = Values(**{**{key: each.default for key, each in kind.hyperparameters.items()}, **values})
    rule = kind.rule_for(h)
    return (
        rule.direction is None
        and not (rule.reduced or rule.scratch or rule.spread)
        and (not kind.shapes(h, np.zeros((2, 2, 2, 2))))
    )
