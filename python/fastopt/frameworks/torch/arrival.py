"""State from torch.optim."""

from collections.abc import Mapping
from typing import Any

from fastopt.frameworks.arrival import Arrival, Entry, arrive
from fastopt.frameworks.counterpart import (
    CLIPPING,
    Convertible,
    Counterpart,
    check_rule,
    counterpart,
    rule_there,
)
from fastopt.frameworks.torch.groups import chosen, indices, plain
from fastopt.frameworks.torch.names import (
    CARRIED,
    FOLLOWING,
    ONE_CHOICE,
    TABLE,
    UNCOUNTED,
    VECTORS,
)
from fastopt.runtime import describe, whole


def from_torch(
    opt: Convertible,
    state_dict: Mapping[str, Any],
    *,
    hyperparameters: bool = True,
    by_name: bool | None = None,
    steps: int | None = None,
) -> None:
    """Load the ``state_dict`` of the optimizer of the same name in ``torch.optim``.

    ::

        fastopt.convert.from_torch(opt, torch_optimizer.state_dict())

    The groups have to be the same, in the same order. Arrays are copied, from any device, and nothing
    is cast but states of 16 bits, which become float32. torch need not be installed. ASGD's ``eta`` and
    ``mu`` are left there, which follow from the rest: torch has made them of the learning rate of its
    last step, fastopt of that of the next.

    Parameters
    ----------
    opt : Optimizer
        Its parameters have the shapes and dtypes of those in torch. Their values are left alone.
    state_dict : dict
        What ``state_dict()`` gave.
    hyperparameters : bool
        Take torch's hyperparameters, and its rule where an option says otherwise; schedules and
        factors are replaced by values. Clipping and all that is around the update stays. If False,
        everything stays, and has to be a rule that torch has.
    by_name : bool, optional
        Find parameters by ``param_names``, which a torch optimizer of named parameters writes, or by
        their order; by default by name where there are names.
    steps : int, optional
        How many steps have been taken, for schedules. By default the most that any parameter has taken;
        for SGD and Muon, which torch does not count, what it is here.

    Raises
    ------
    TypeError, ValueError
        For an algorithm that torch does not have, the state of another one, and what does not fit; the
        message says what. Nothing has changed then.
    RuntimeError
        As of `Optimizer.load_state_dict`.
    """
    theirs = counterpart(opt, TABLE, "torch")
    given, entries = _parts(state_dict)
    if not hyperparameters:
        free = [key for key in (*theirs.options, *CLIPPING) if key not in ONE_CHOICE]
        check_rule(opt, "torch", theirs.name, free)
    rule = rule_there(opt, "torch")
    values = [{**rule, **chosen(g, theirs, rule, i), "multiply": {}} for i, g in enumerate(given)]
    mine = [group["names"] for group in opt.state_dict(copy=False)["groups"]]
    taken = opt.step_count if steps is None else whole(steps, "steps", 0)
    found = {
        name: _entry(entries.get(index) or {}, theirs, taken, f"of {name!r}, number {index},")
        for name, index in indices(mine, given, by_name).items()
    }
    if steps is None and theirs.name not in UNCOUNTED:
        taken = max(entry.steps for entry in found.values())
    arrive(opt, Arrival("torch", theirs, taken, found, values if hyperparameters else None))


def _parts(state_dict: Any) -> tuple[list[Mapping[str, Any]], Mapping[Any, Any]]:
    if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
        raise TypeError(
            f"state_dict is {describe(state_dict)}; it must be what the state_dict() of a torch "
            "optimizer gives, with 'state' and 'param_groups'"
        )
    groups = list(state_dict["param_groups"])
    if not all(isinstance(group, Mapping) and "params" in group for group in groups):
        raise TypeError("param_groups must be a list of dicts, each with 'params'")
    return groups, state_dict["state"]


def _entry(given: Mapping[str, Any], theirs: Counterpart, taken: int, which: str) -> Entry:
    """Return the state of one parameter; it is empty before its first step."""
    names = [*theirs.states.items(), *VECTORS.get(theirs.name, {}).items()]
    states = {there: here for here, there in names}
    carried, following = CARRIED.get(theirs.name, set()), FOLLOWING.get(theirs.name, set())
    unknown = sorted(set(given) - set(states) - carried - following - {"step"})
    if unknown:
        raise ValueError(
            f"the state {which} has {unknown[0]!r}, which torch.optim.{theirs.name} does not have: "
            "take it out of a copy.deepcopy(state_dict), for entry in state_dict['state'].values(): "
            f"entry.pop({unknown[0]!r}, None)"
        )
    arrays = {states[key]: _array(a) for key, a in given.items() if key in states and a is not None}
    if theirs.name in UNCOUNTED:
        return Entry(max(taken, 1) if arrays else 0, arrays)
    if not given:
        return Entry(0, {})
    lacks = sorted(({"step"} | carried) - set(given))
    if lacks:
        raise ValueError(f"the state {which} lacks {lacks[0]!r}")
    steps = plain(given["step"])
    if isinstance(steps, float) and steps.is_integer():
        steps = int(steps)
    steps = whole(steps, f"the step {which}", 0)
    return Entry(steps, arrays, {key: plain(given[key]) for key in carried})


def _array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):  # which NumPy does not have; it is exact as float32
            value = value.float()
        return value.numpy()
    return value
