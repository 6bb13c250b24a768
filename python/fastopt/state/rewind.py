"""An optimizer as it was at one time, its parameters included: kept in memory, and put back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import is_scheduled
from fastopt.arrays import Form, check_fit
from fastopt.model import Change, Group, commit
from fastopt.state.capture import snapshot
from fastopt.state.check import CheckedState
from fastopt.state.restore import restore
from fastopt.state.saving import BUSY
from fastopt.step import Core, core_of

Array = NDArray[Any]


class Moment(NamedTuple):
    """The state of an optimizer and its parameters, as a checkpoint holds them."""

    state: dict[str, Any]  # what `state_dict` returns
    params: dict[str, Array]  # by name
    functions: Sequence[Mapping[str, Any]] = ()  # of each group: hyperparameters that no state can hold


def keep(opt: Any, before: Moment | None = None) -> Moment:
    """Copy all that an optimizer is, into the arrays of an earlier moment where they fit.

    In eval mode it is the parameters of training that are kept.
    """
    core = core_of(opt)
    with _in_training(opt, core):
        core.gate.enter(BUSY)
        try:
            state = snapshot(core, copy=False)
            for name, entry in state["parameters"].items():
                kept = {} if before is None else before.state["parameters"].get(name, {})
                entry["arrays"] = _copied(entry["arrays"], kept.get("arrays", {}))
            parameters = core.bound.parameters
            named = dict(zip(parameters.names, parameters.arrays, strict=True))
            params = _copied(named, {} if before is None else before.params)
            return Moment(state, params, [_functions(group) for group in core.bound.groups])
        finally:
            core.gate.leave()


def put_back(opt: Any, kept: Moment) -> None:
    """Make an optimizer and its parameters what they were: all of it, as a checkpoint would.

    ValueError where parameters have been added or taken out since. Nothing has changed then.
    """
    core = core_of(opt)
    others = set(core.bound.parameters.names) ^ set(kept.params)
    if others:
        raise ValueError(
            f"parameters have been added or removed since ({min(others)!r}), so what was kept cannot "
            "be put back"
        )
    with _in_training(opt, core):
        before: list[Change] = []
        core.gate.enter(BUSY)
        try:
            bound = core.bound
            pairs = list(zip(bound.groups, kept.functions, strict=False))
            before += [change for group, _ in pairs for change in group.changes(group.current)]
            for group, functions in pairs:
                if any([group.given[name] is not value for name, value in functions.items()]):
                    # `restore` takes functions that are there.
                    commit(group.changes(group.with_values(functions)))
            checked = CheckedState(bound, kept.state, True, True)
            for name, p in zip(bound.parameters.names, bound.parameters.arrays, strict=True):
                check_fit(
                    kept.params[name], f"what was kept of {name!r}", p, form=Form(p.shape, p.dtype)
                )
            restore(core, checked, checked.arrays, kept.params)
        except BaseException:
            commit(before)
            raise
        finally:
            core.gate.leave()


@contextmanager
def _in_training(opt: Any, core: Core) -> Iterator[None]:
    """Leave eval mode for the time of a with block."""
    evaluating = core.evaluation is not None
    if evaluating:
        opt.train()
    try:
        yield
    finally:
        if evaluating:
            opt.eval()


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
