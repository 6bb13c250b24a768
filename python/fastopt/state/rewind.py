"""An optimizer as it was at one time, its parameters included: kept in memory, and put back."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm.validators import is_scheduled
from fastopt.model.groups import Group
from fastopt.optimizer import Optimizer
from fastopt.state.capture import snapshot
from fastopt.state.check import CheckedState, check_fit
from fastopt.state.restore import restore

Array = NDArray[Any]
_BUSY = "is being saved or loaded"


class Moment(NamedTuple):
    """The state of an optimizer and its parameters, as a checkpoint holds them."""

    state: dict[str, Any]  # what `state_dict` returns
    params: dict[str, Array]  # by name
    functions: Sequence[Mapping[str, Any]] = ()  # of each group: hyperparameters that no state can hold


def keep(opt: Optimizer, before: Moment | None = None) -> Moment:
    """Copy all that an optimizer is, into the arrays of an earlier moment where they fit.

    In eval mode it is the parameters of training that are kept.
    """
    evaluating = _to_training(opt)
    try:
        opt._begin(_BUSY)
        try:
            state = snapshot(opt, copy=False)
            for name, entry in state["parameters"].items():
                kept = {} if before is None else before.state["parameters"].get(name, {})
                entry["arrays"] = _copied(entry["arrays"], kept.get("arrays", {}))
            named = dict(zip(opt.names, opt._parameters.arrays, strict=True))
            params = _copied(named, {} if before is None else before.params)
            return Moment(state, params, [_functions(group) for group in opt.groups])
        finally:
            opt._end()
    finally:
        if evaluating:
            opt.eval()  # type: ignore[attr-defined]


def put_back(opt: Optimizer, kept: Moment) -> None:
    """Make an optimizer and its parameters what they were: all of it, as a checkpoint would.

    ValueError where parameters have been added or taken out since. Nothing has changed then.
    """
    others = set(opt.names) ^ set(kept.params)
    if others:
        raise ValueError(
            f"parameters have been added or removed since ({min(others)!r}), so what was kept cannot "
            "be put back"
        )
    evaluating = _to_training(opt)
    try:
        opt._begin(_BUSY)
        before = [group.current for group in opt.groups]
        try:
            for group, functions in zip(opt.groups, kept.functions, strict=False):
                if any([group.given[name] is not value for name, value in functions.items()]):
                    group.set(group.with_values(functions))  # `restore` takes functions that are there
            checked = CheckedState(opt, kept.state, True, True)
            for name, p in zip(opt.names, opt._parameters.arrays, strict=True):
                check_fit(kept.params[name], f"what was kept of {name!r}", p)
            restore(opt, checked, checked.arrays, kept.params)
        except BaseException:
            for group, given in zip(opt.groups, before, strict=True):
                group.set(given)
            raise
        finally:
            opt._end()
    finally:
        if evaluating:
            opt.eval()  # type: ignore[attr-defined]


def _to_training(opt: Optimizer) -> bool:
    """Leave eval mode; return whether the optimizer was in it."""
    if getattr(opt, "_trained", None) is None:
        return False
    opt.train()  # type: ignore[attr-defined]
    return True


def _copied(arrays: Mapping[str, Array], into: Mapping[str, Array]) -> dict[str, Array]:
    found = {}
    for name, array in arrays.items():
        there = into.get(name)
        if there is None or there.dtype != array.dtype or there.shape != array.shape:
            there = array.copy(order="K")
        else:
            np.copyto(there, array)
        found[name] = there
    return found


def _functions(group: Group) -> dict[str, Any]:
    return {name: value for name, value in group.given.items() if is_scheduled(value)}
