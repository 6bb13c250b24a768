"""The groups of torch, as a step finds them: their parameters, and their hyperparameters as ours."""

from itertools import chain
from operator import is_
from typing import Any

import numpy as np

from fastopt.algorithm import Values
from fastopt.optimizer import Optimizer
from fastopt.step import core_of
from fastopt.torch.names import Names
from fastopt.torch.options import OF_ALL, chooses, is_still, of_all, options_of, values_of


class Groups:
    """The groups as they were at the last step, which the next one finds so, or takes over.

    Attributes
    ----------
    params : the parameters of all groups
    values : our hyperparameters, of each group
    together : the options that all groups share, where they are not the default
    """

    def __init__(self, names: Names, groups: list[dict[str, Any]]) -> None:
        self._names = names
        self._lists = [list(group["params"]) for group in groups]
        self.params = list(chain.from_iterable(self._lists))
        self._read(groups)
        self._raw = _raw(groups)
        self.values = [names.values(options_of(group)) for group in groups]
        self.together = of_all(groups)

    def _read(self, groups: list[dict[str, Any]]) -> None:
        self._is_still = all([is_still(value) for group in groups for value in values_of(group)])
        for group in groups:
            if group.get("differentiable"):
                raise RuntimeError(
                    "fastopt.torch writes into memory, through which no gradient flows: set "
                    "differentiable=False, or use torch.optim"
                )

    def patterns(self) -> dict[Any, dict[str, Any]]:
        """Return the values of each group by the names of its parameters, which are numbers."""
        found, first = {}, 0
        for params, values in zip(self._lists, self.values, strict=True):
            if params:
                found[tuple(map(str, range(first, first + len(params))))] = values
            first += len(params)
        return found

    def each(self, kind: type[Optimizer]) -> list[Values]:
        """Return the hyperparameters of each parameter."""
        found, defaults = [], {key: each.default for key, each in kind.hyperparameters.items()}
        for values, params in zip(self.values, self._lists, strict=True):
            found += [Values(**{**defaults, **values})] * len(params)
        return found

    def are_elementwise(self, kind: type[Optimizer]) -> list[bool]:
        """Return of each parameter whether the algorithm treats its elements one by one."""
        each = []
        for values, params in zip(self.values, self._lists, strict=True):
            each += [_is_elementwise(kind, values)] * len(params)
        return each

    def have(self, groups: list[dict[str, Any]]) -> bool:
        """Return whether these have the same parameters."""
        lists = [group["params"] for group in groups]
        return len(lists) == len(self._lists) and all(map(same, self._lists, lists))

    def set(self, groups: list[dict[str, Any]], opt: Optimizer) -> bool:
        """Set hyperparameters that have changed; return False where they may ask for another rule."""
        raw = _raw(groups)
        return (self._is_still and same(self._raw, raw)) or self._changed(groups, raw, opt)

    def _changed(self, groups: list[dict[str, Any]], raw: list[Any], opt: Optimizer) -> bool:
        values = [self._names.values(options_of(group)) for group in groups]
        together, first = of_all(groups), 0
        changes = {
            name: together.get(name, OF_ALL[name].default)
            for name in {*together, *self.together}
            if together.get(name) != self.together.get(name)
        }
        if any([OF_ALL[name].fixed for name in changes]):
            return False
        for params, before, now in zip(self._lists, self.values, values, strict=True):
            changed = {key: value for key, value in now.items() if before.get(key, key) != value}
            if now.keys() != before.keys() or any([chooses(before[k], changed[k]) for k in changed]):
                return False
            if changed and params:
                number = core_of(opt).bound.parameters.group_of[first]
                opt.groups[number].update(changed)
            first += len(params)
        self._read(groups)
        for name, value in changes.items():
            setattr(opt, name, value)
        self.together, self.values, self._raw = together, values, raw
        return True


def same(some: list[Any], others: list[Any]) -> bool:
    """Return whether two lists have the same objects."""
    return len(some) == len(others) and all(map(is_, some, others))


def _raw(groups: list[dict[str, Any]]) -> list[Any]:
    """List all that the groups have."""
    return [value for group in groups for value in group.values()]


def _is_elementwise(kind: type[Optimizer], values: dict[str, Any]) -> bool:
    h = Values(**{**{key: each.default for key, each in kind.hyperparameters.items()}, **values})
    rule = kind.rule_for(h)
    return (
        rule.direction is None
        and not (rule.reduced or rule.scratch or rule.spread)
        and (not kind.shapes(h, np.zeros((2, 2, 2, 2))))
    )
