"""The state of all parameters: arrays that are allocated when a rule first needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import KEPT, Algorithm, Rule, Values
from fastopt.arrays import Arena, Form
from fastopt.model.groups import Group
from fastopt.model.parameters import Parameters
from fastopt.model.storing import MASTER, SCALES, Storages, encoded, forms_of, storages
from fastopt.numerics import computed, widened

Forms = Mapping[str, Form]  # of states that have not that of their parameter, as it is computed in
States = list[dict[str, NDArray[Any]]]  # by name, one entry for each parameter

Spreads = Sequence[Sequence[NDArray[Any]]]  # what is spread over each parameter
Scratches = Sequence[NDArray[Any] | None]  # one entry for each parameter


def names_of(rule: Rule, forms: Forms) -> list[str]:
    """List the states of a parameter: of its rule, of other forms, of transforms of its gradient."""
    of_transforms = [KEPT[name] for name in rule.transforms if name in KEPT]
    return list(dict.fromkeys((*rule.kept, *forms, *of_transforms)))


def initial(kind: type[Algorithm], h: Values, name: str, p: NDArray[Any], how: Storages) -> Any:
    """Return what an array of the state begins with, of the algorithm or of a transform."""
    if name == MASTER or name in KEPT.values():
        return encoded(name, 0.0, how, p)
    return encoded(name, kind.initial_state(h, name.removesuffix(SCALES), widened(p)), how, p)


def of_new_rows(kind: type[Algorithm], h: Values, name: str, p: NDArray[Any]) -> Any:
    """Return the same for rows that come later, of what is stored as it is computed in."""
    return 0.0 if name in KEPT.values() else kind.state_of_new_rows(h, name, p)


def scratches(parameters: Parameters, rules: list[Rule]) -> Scratches:
    """Allocate the scratch of each parameter whose rule has one."""
    room = Arena()
    return [
        room.like(p, 0.0, 7) if rules[group].scratch else None
        for p, group in zip(parameters.arrays, parameters.group_of, strict=True)
    ]


def spread_arrays(parameters: Parameters, groups: list[Group], rules: list[Rule]) -> Spreads:
    """Allocate what is spread over each parameter, in the order of its memory."""
    found = []
    for p, number in zip(parameters.arrays, parameters.group_of, strict=True):
        shapes = groups[number].kind.spreads(groups[number].h, p) if rules[number].spread else {}
        order: Any = "C" if p.flags.c_contiguous else "F"
        dtype = computed(p.dtype)
        found.append([np.zeros(shapes[name], dtype, order) for name in rules[number].spread])
    return found


def _others(states: Mapping[str, NDArray[Any]], forms: Forms) -> bool:
    return any([states[name].shape != form.shape for name, form in forms.items()])


def completed(
    states: States,
    parameters: Parameters,
    groups: list[Group],
    rules: list[Rule],
    settings: Mapping[str, Any],
) -> States:
    """Add what the groups' rules need and is not there yet; what is there stays, needed or not."""
    found, room = list(states), Arena()
    needed = [set(names_of(rule, {})) for rule in rules]
    for i, number_of_group in enumerate(parameters.group_of):
        group, p, rule = groups[number_of_group], parameters.arrays[i], rules[number_of_group]
        forms = forms_of(group.kind, group.h, rule, settings, p)
        if states[i].keys() >= needed[number_of_group] | forms.keys() and not _others(states[i], forms):
            continue
        has, how = dict(states[i]), storages(group.kind, group.h, rule, settings, p)
        for number, name in enumerate(names_of(rule, forms)):
            form = forms.get(name)
            if name not in has or has[name].shape != (form.shape if form else p.shape):
                fill = initial(group.kind, group.h, name, p, how)
                has[name] = room.like(p, fill, number, form)
        found[i] = has
    return found
