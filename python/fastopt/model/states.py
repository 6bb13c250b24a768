"""The state of all parameters: arrays that are allocated when a rule first needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import Rule
from fastopt.arrays import Arena
from fastopt.model.groups import Group
from fastopt.model.parameters import Parameters

Shapes = Mapping[str, tuple[int, ...]]  # of states that have not that of their parameter
States = list[dict[str, NDArray[Any]]]  # by name, one entry for each parameter

Scratches = Sequence[NDArray[Any] | None]  # one entry for each parameter


def names_of(rule: Rule, shapes: Shapes) -> list[str]:
    """List the states of a parameter: those that its rule keeps, and those of other shapes."""
    return list(dict.fromkeys((*rule.kept, *shapes)))


def scratches(parameters: Parameters, rules: list[Rule]) -> Scratches:
    """Allocate the scratch of each parameter whose rule has one."""
    room = Arena()
    return [
        room.like(p, 0.0, 7) if rules[group].scratch else None
        for p, group in zip(parameters.arrays, parameters.group_of, strict=True)
    ]


def completed(states: States, parameters: Parameters, groups: list[Group], rules: list[Rule]) -> States:
    """Add what the groups' rules need and is not there yet; what is there stays, needed or not."""
    found, room = list(states), Arena()
    needed = [set(rule.kept) for rule in rules]
    for i, number_of_group in enumerate(parameters.group_of):
        group, p = groups[number_of_group], parameters.arrays[i]
        shapes = group.kind.shapes(group.h, p)
        if states[i].keys() >= needed[number_of_group] | shapes.keys():
            continue
        has = dict(states[i])
        for number, name in enumerate(names_of(rules[number_of_group], shapes)):
            if name not in has:
                fill = group.kind.initial_state(group.h, name, p)
                has[name] = room.like(p, fill, number, shapes.get(name))
        found[i] = has
    return found
