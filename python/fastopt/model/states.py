"""The state of all parameters: arrays that are allocated when a rule first needs them."""

from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import Rule
from fastopt.arrays import Arena
from fastopt.model.groups import Group
from fastopt.model.parameters import Parameters

States = list[dict[str, NDArray[Any]]]  # by name, one entry for each parameter


def completed(states: States, parameters: Parameters, groups: list[Group], rules: list[Rule]) -> States:
    """Add what the groups' rules need and is not there yet; what is there stays, needed or not."""
    found, room = list(states), Arena()
    needed = [set(rule.states) for rule in rules]
    for i, number_of_group in enumerate(parameters.group_of):
        if states[i].keys() >= needed[number_of_group]:
            continue
        group = groups[number_of_group]
        has, p = dict(states[i]), parameters.arrays[i]
        for number, name in enumerate(rules[number_of_group].states):
            if name not in has:
                fill = group.kind.initial_state(group.h, name, p)
                has[name] = room.like(p, fill, number)
        found[i] = has
    return found
