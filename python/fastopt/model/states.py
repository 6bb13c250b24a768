"""The state of all parameters: arrays that are allocated when a rule first needs them."""

from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import Algorithm, Rule
from fastopt.arrays import Arena
from fastopt.model.groups import Group
from fastopt.model.parameters import Parameters

States = list[dict[str, NDArray[Any]]]  # by name, one entry for each parameter


def completed(
    states: States,
    parameters: Parameters,
    groups: list[Group],
    rules: list[Rule],
    algorithm: type[Algorithm],
) -> States:
    """Add what the groups' rules need and is not there yet; what is there stays, needed or not."""
    found, room = list(states), Arena()
    needed = [set(rule.states) for rule in rules]
    for i, group in enumerate(parameters.group_of):
        if states[i].keys() >= needed[group]:
            continue
        has, p = dict(states[i]), parameters.arrays[i]
        for number, name in enumerate(rules[group].states):
            if name not in has:
                fill = algorithm.initial_state(groups[group].h, name, p)
                has[name] = room.like(p, fill, number)
        found[i] = has
    return found
