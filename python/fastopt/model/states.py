"""The state of all parameters: arrays that are allocated when a rule first needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import KEPT, Algorithm, Rule, Values
from fastopt.arrays import Arena
from fastopt.model.groups import Group
from fastopt.model.parameters import Parameters

Shapes = Mapping[str, tuple[int, ...]]  # of states that have not that of their parameter
States = list[dict[str, NDArray[Any]]]  # by name, one entry for each parameter

Spreads = Sequence[Sequence[NDArray[Any]]]  # what is spread over each parameter
Scratches = Sequence[NDArray[Any] | None]  # one entry for each parameter


def names_of(rule: Rule, shapes: Shapes) -> list[str]:
    """List the states of a parameter: of its rule, of other shapes, of transforms of its gradient."""
    of_transforms = [KEPT[name] for name in rule.transforms if name in KEPT]
    return list(dict.fromkeys((*rule.kept, *shapes, *of_transforms)))


def initial(kind: type[Algorithm], h: Values, name: str, p: NDArray[Any]) -> Any:
    """Return what a state begins with, of the algorithm or of a transform."""
    return 0.0 if name in KEPT.values() else kind.initial_state(h, name, p)


def of_new_rows(kind: type[Algorithm], h: Values, name: str, p: NDArray[Any]) -> Any:
    """Return the same for rows that come later."""
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
        found.append([np.zeros(shapes[name], p.dtype, order) for name in rules[number].spread])
    return found


def _others(states: Mapping[str, NDArray[Any]], shapes: Shapes) -> bool:
    return any([states[name].shape != shape for name, shape in shapes.items()])


def completed(states: States, parameters: Parameters, groups: list[Group], rules: list[Rule]) -> States:
    """Add what the groups' rules need and is not there yet; what is there stays, needed or not."""
    found, room = list(states), Arena()
    needed = [set(names_of(rule, {})) for rule in rules]
    for i, number_of_group in enumerate(parameters.group_of):
        group, p = groups[number_of_group], parameters.arrays[i]
        shapes = group.kind.shapes(group.h, p)
        if states[i].keys() >= needed[number_of_group] | shapes.keys() and not _others(
            states[i], shapes
        ):
            continue
        has = dict(states[i])
        for number, name in enumerate(names_of(rules[number_of_group], shapes)):
            if name not in has or has[name].shape != shapes.get(name, p.shape):
                fill = initial(group.kind, group.h, name, p)
                has[name] = room.like(p, fill, number, shapes.get(name))
        found[i] = has
    return found
