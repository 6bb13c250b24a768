"""Conversion to frameworks that count the steps of all parameters together."""

from collections.abc import Mapping
from typing import Any

from fastopt.algorithm import Values
from fastopt.frameworks.buffer import lr_inside, rescaled
from fastopt.frameworks.counterpart import Convertible, Counterpart, rule_there
from fastopt.frameworks.storing import decoded

State = Mapping[str, Any]


def departing(opt: Convertible, like: str) -> State:
    """Return the state to convert; raise ValueError where the framework has no place for it."""
    state = opt.state_dict()
    if state["accumulated"]:
        raise ValueError(
            f"the sum of {state['accumulated']} gradients waits for its step, and {like} has no place "
            "for it: convert after that step"
        )
    taken = {name: entry["steps"] for name, entry in state["parameters"].items()}
    if len(set(taken.values())) > 1:
        least, most = min(taken, key=taken.__getitem__), max(taken, key=taken.__getitem__)
        raise ValueError(
            f"{least!r} has taken {taken[least]} steps and {most!r} {taken[most]}, and {like} counts "
            "one number for all: convert where all have had a gradient at every step"
        )
    return state


def values_of_groups(opt: Convertible, state: State) -> dict[str, Values]:
    """Return the hyperparameters of each parameter for the step that comes."""
    groups = zip(opt.groups, state["groups"], strict=True)
    of = {name: group.with_values({}).h for group, saved in groups for name in saved["names"]}
    return {name: of[name] for name in opt.names}


def common(like: str, theirs: Counterpart, values: Mapping[str, Values]) -> dict[str, Any]:
    """Return what all parameters have, under the framework's names; of weight decays the largest.

    Raise ValueError where they have different values.
    """
    first, *others = values.values()
    found: dict[str, Any] = {}
    for key, there in theirs.options.items():
        value = getattr(first, key)
        if key == "weight_decay":  # of which some can be excluded
            value = max(h.weight_decay for h in values.values())
        elif any(getattr(h, key) != value for h in others):
            raise ValueError(
                f"the groups have different values of {key}, and {like} has one for all: if training "
                f"may go on so, set opt.{key} = {value!r} first"
            )
        found.update(zip(there, value, strict=True) if isinstance(there, tuple) else [(there, value)])
    return found


def arrays_there(opt: Convertible, like: str, name: str, entry: State, h: Values) -> dict[str, Any]:
    """Return the arrays of a parameter as the framework's rule has them."""
    arrays = decoded(opt, h, entry["arrays"], opt.named_parameters()[name])
    inside = bool(rule_there(opt, like).get("lr_in_buffer", False))
    return rescaled(arrays, h.lr, lr_inside(h), inside, name)
