"""The last part of every conversion to fastopt: a framework's state becomes ours, and is loaded."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Values
from fastopt.arrays import Form, check_fit
from fastopt.frameworks.buffer import lr_inside, rescaled
from fastopt.frameworks.counterpart import Convertible, Counterpart, rule_there
from fastopt.frameworks.storing import stored, widened_states
from fastopt.numerics import computed


class Entry(NamedTuple):
    """The state of one parameter in a framework, under our names."""

    steps: int
    arrays: Mapping[str, Any]
    carried: Mapping[str, float] = {}


class Arrival(NamedTuple):
    """The state of an optimizer in a framework."""

    like: str
    theirs: Counterpart
    steps: int  # taken by the optimizer, where parameters may have sat out
    entries: Mapping[str, Entry]  # by the names of our parameters
    groups: Sequence[Mapping[str, Any]] | None = None  # hyperparameters to take; None: none of them
    settings: Mapping[str, Any] = {}


def arrive(opt: Convertible, given: Arrival) -> None:
    """Load it; raise TypeError or ValueError for what does not fit, when nothing has changed."""
    state = opt.state_dict(copy=False)
    state["steps"] = given.steps
    params = opt.named_parameters()
    inside = bool(rule_there(opt, given.like).get("lr_in_buffer", False))
    for i, (group, saved) in enumerate(zip(opt.groups, state["groups"], strict=True)):
        values = {} if given.groups is None else given.groups[i]
        h = group.with_values(values, given.steps).h
        for name in saved["names"]:
            entry, kept = given.entries[name], state["parameters"][name]
            _check_complete(opt, h, entry, given, name, params[name])
            p = params[name]
            arrays = rescaled(widened_states(entry.arrays, p), h.lr, inside, lr_inside(h), name)
            shapes = opt.shapes(h, p)
            for key, array in arrays.items():
                if isinstance(array, np.ndarray):
                    form = Form(shapes[key], computed(p.dtype)) if key in shapes else None
                    check_fit(array, f"{key} of {name!r}", p, form=form)
            kept["steps"], kept["arrays"] = entry.steps, stored(opt, h, arrays, kept["arrays"], p)
            kept["carried"] = {**opt.initial_carried(), **entry.carried}
        saved["hyperparameters"], saved["schedules"] = values, {}
    if given.groups is not None:
        state["settings"].update(given.settings)
    opt.load_state_dict(state, hyperparameters=given.groups is not None)


def _check_complete(
    opt: Convertible, h: Values, entry: Entry, given: Arrival, name: str, p: NDArray[Any]
) -> None:
    if entry.steps == 0:
        return
    needed = [*opt.rule_for(h).kept, *opt.shapes(h, p)]
    missing = [key for key in needed if key not in entry.arrays]
    if missing:
        words = ", ".join(given.theirs.states.get(key, key) for key in missing)
        raise ValueError(
            f"the state of {name!r} lacks {words}, which {type(opt).__name__} needs with these "
            "hyperparameters: are they those that it was trained with?"
        )
