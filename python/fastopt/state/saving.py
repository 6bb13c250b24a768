"""Save and load: as dicts, by the names of the parameters, and as checkpoint files."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastopt import checkpoint
from fastopt.arrays import Arena, Form
from fastopt.model import Which
from fastopt.numerics import kept
from fastopt.state.capture import snapshot
from fastopt.state.check import CheckedState
from fastopt.state.form import Differences, check_form
from fastopt.state.packing import FORM, packed, unpacked
from fastopt.state.restore import restore
from fastopt.state.selection import Names, select
from fastopt.step import Bound, Core

Path = checkpoint.Place
_NO_NUMBERS = ("nan", "inf", "-inf")
_PARAMS = "*params"  # no state of a rule can have such a name
BUSY = "is being saved or loaded"


class Loaded(NamedTuple):
    """The result of `load`."""

    extra: Any  # what `save` was given as extra
    missing: list[str]  # what the optimizer has and the checkpoint has not; none if strict
    unexpected: list[str]  # what the checkpoint has besides; none if strict


def _all_spelled(carried: Mapping[str, float]) -> dict[str, float | str]:
    return {key: _spelled(x) for key, x in carried.items()}


def _read(carried: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float(x) if x in _NO_NUMBERS else x for key, x in carried.items()}


def _spelled(number: float) -> float | str:
    """Spell a number that JSON does not have."""
    return number if isfinite(number) else repr(number)


def state_dict(core: Core, copy: bool) -> dict[str, Any]:
    """Return the whole state: hyperparameters, counts and arrays."""
    core.gate.enter_to_look(BUSY)
    try:
        return snapshot(core, copy)
    finally:
        core.gate.leave()


def load_state_dict(
    core: Core,
    state: Mapping[str, Any],
    strict: bool,
    hyperparameters: bool,
    skip: Which | None = None,
    names: Names | None = None,
) -> Differences:
    """Put a state into an optimizer."""
    core.gate.enter(BUSY)
    try:
        check_form(state)
        found, _, skipped = select(state, core.bound.parameters, skip, names)
        checked = CheckedState(core.bound, found, strict, hyperparameters, skipped=skipped)
        restore(core, checked, checked.arrays)
        return checked.differences
    finally:
        core.gate.leave()


def save(core: Core, path: Path, params: bool, extra: Any, progress: bool | None) -> None:
    """Write a checkpoint."""
    core.gate.enter_to_look(BUSY)
    try:
        state = snapshot(core, copy=False)
        arrays: dict[str, NDArray[Any]] = {}
        for name, entry in state["parameters"].items():
            arrays.update({f"{key}/{name}": array for key, array in entry["arrays"].items()})
            entry["arrays"] = list(entry["arrays"])
            entry["carried"] = _all_spelled(entry["carried"])
        if "carried" in state:
            state["carried"] = {key: _all_spelled(each) for key, each in state["carried"].items()}
        if params:
            named = core.bound.parameters
            both = zip(named.names, named.arrays, strict=True)
            arrays.update({f"{_PARAMS}/{name}": p.view(kept(p.dtype)) for name, p in both})
        more = {"extra": packed(extra, "extra"), "extra_form": FORM}
        manifest = {"state": state, "params": params, **more}
        checkpoint.write(path, manifest, arrays, progress)
    finally:
        core.gate.leave()


def load(
    core: Core,
    file: checkpoint.Reader,
    path: Path,
    params: bool | None = None,
    strict: bool = True,
    hyperparameters: bool = True,
    skip: Which | None = None,
    names: Names | None = None,
    progress: bool | None = None,
    call: str = "opt.load(path, {})",
) -> Loaded:
    """Put a checkpoint into an optimizer; `path` and `call` are how it is loaded, for messages."""
    core.gate.enter(BUSY)
    try:
        with checkpoint.fitting(path):
            wanted, extra = _has_params(file, params), _extra(file)
            state = saved_state(file)
        selection = select(state, core.bound.parameters, skip, names)
        with checkpoint.fitting(path):
            checked = CheckedState(
                core.bound,
                selection.state,
                strict,
                hyperparameters,
                described=True,
                skipped=selection.skipped,
                params=_params_of(file, selection.saved) if wanted else {},
                call=call,
            )
            arrays, values = _read_arrays(core.bound, file, checked, selection.saved, wanted, progress)
        restore(core, checked, arrays, values, adopt=True)
        return Loaded(extra, *checked.differences)
    finally:
        core.gate.leave()


def _params_of(file: checkpoint.Reader, saved: Mapping[str, str]) -> dict[str, checkpoint.ArraySpec]:
    """Describe the parameters that a checkpoint has, by their names here."""
    there = file.describe()
    places = {name: f"{_PARAMS}/{was}" for name, was in saved.items()}
    return {name: there[place] for name, place in places.items() if place in there}


def _read_arrays(
    bound: Bound,
    file: checkpoint.Reader,
    state: CheckedState,
    saved: Mapping[str, str],
    params: bool,
    progress: bool | None,
) -> tuple[list[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]]:
    """Read the arrays of a state, and the parameters under their names, into fresh memory."""
    expected: dict[str, checkpoint.ArraySpec] = {}
    owners: dict[str, tuple[NDArray[Any], int, Form]] = {}
    names = bound.parameters.names
    for i, p in enumerate(bound.parameters.arrays):
        keys = [*state.arrays[i], *[_PARAMS] * (params and state.entries[i] is not None)]
        forms = {_PARAMS: Form(p.shape, kept(p.dtype)), **state.forms(i)}
        for number, key in enumerate(keys):
            place = f"{key}/{saved[names[i]]}"
            form = forms.get(key, Form.like(p))
            fortran = form.shape == p.shape and not p.flags.c_contiguous
            expected[place] = checkpoint.ArraySpec(form.dtype, form.shape, "F" if fortran else "C")
            owners[place] = p, number, form

    room = Arena()

    def make(place: str) -> NDArray[Any]:
        p, number, form = owners[place]
        return room.like(p, 0.0, number, form)

    found = file.read_all(expected, strict=False, progress=progress, make=make)
    if found.missing:
        raise ValueError(f"it has no array {found.missing[0]!r}")
    arrays = [
        {key: found.arrays[f"{key}/{saved[name]}"] for key in each}
        for name, each in zip(names, state.arrays, strict=True)
    ]
    places = {name: f"{_PARAMS}/{saved[name]}" for name in names if name in saved}
    values = {name: found.arrays[place] for name, place in places.items() if place in expected}
    parameters = dict(zip(names, bound.parameters.arrays, strict=True))
    return arrays, {name: value.view(parameters[name].dtype) for name, value in values.items()}


def saved_state(file: checkpoint.Reader) -> dict[str, Any]:
    """Return the state that a checkpoint holds, with descriptions in place of its arrays."""
    state: dict[str, Any] = file.manifest["state"]
    check_form(state, arrays=list)
    specs = file.describe()
    parameters = {
        name: {
            **entry,
            "carried": _read(entry["carried"]),
            "arrays": {
                key: specs[f"{key}/{name}"] for key in entry["arrays"] if f"{key}/{name}" in specs
            },
        }
        for name, entry in state["parameters"].items()
    }
    carried = {key: _read(each) for key, each in state.get("carried", {}).items()}
    return {**state, "parameters": parameters, **({"carried": carried} if carried else {})}


def _extra(file: checkpoint.Reader) -> Any:
    form = file.manifest.get("extra_form")  # 0.1 has written none, and what JSON holds
    if form not in (None, FORM):
        raise ValueError(f"its extra has the form {form!r}, of a newer fastopt: install a later one")
    return file.manifest.get("extra") if form is None else unpacked(file.manifest["extra"])


def _has_params(file: checkpoint.Reader, asked: bool | None) -> bool:
    has = bool(file.manifest["params"])
    if asked and not has:
        raise ValueError("it was saved without parameters: opt.save(path, params=True) writes them")
    return has if asked is None else asked
