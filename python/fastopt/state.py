"""The state of all parameters: arrays that are allocated when a rule first needs them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt import backends
from fastopt.algorithm import Algorithm
from fastopt.groups import Group
from fastopt.memory import state_beside
from fastopt.parameters import Parameters
from fastopt.rules import Rule

States = list[dict[str, NDArray[Any]]]  # by name, one entry for each parameter


def completed(
    states: States,
    parameters: Parameters,
    groups: list[Group],
    rules: list[Rule],
    algorithm: type[Algorithm],
) -> States:
    """Add what the groups' rules need and is not there yet; what is there stays, needed or not."""
    found = []
    for had, p, group in zip(states, parameters.arrays, parameters.group_of, strict=True):
        has = dict(had)
        for number, name in enumerate(rules[group].states):
            if name not in has:
                fill = algorithm.initial_state(groups[group].h, name, p)
                has[name] = state_beside(p, fill, number)
        found.append(has)
    return found


def try_own_rule(rule: Rule, row: backends.Row, backend: str, dtypes: set[Any], owner: str) -> None:
    """Take a step with a user's rule on one element, so that it fails here or not at all."""
    for dtype in dtypes:
        arrays = tuple(np.ones(1, dtype) for _ in range(1 + len(rule.states)))
        try:
            plan = backends.backend(backend).make_plan([arrays], [rule], [0])
            plan.bind([np.ones(1, dtype)], None, True)
            plan.run([row], 1)
        except Exception as error:
            raise TypeError(
                f"the rule {rule.name} of {owner} cannot be run on {dtype}; it must return the new "
                f"p{''.join(', ' + s for s in rule.states)}: {error}"
            ) from error
