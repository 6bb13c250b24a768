"""State out and in: as dicts, by the names of the parameters, and as checkpoint files."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from fastopt.arrays.allocation import Room
from fastopt.step.core import Core

if TYPE_CHECKING:
    from fastopt.checkpoint import Reader
    from fastopt.state.check import CheckedState
    from fastopt.state.form import Differences

Path = str | os.PathLike[str]
_PARAMS = "*params"  # no state of a rule can have such a name
_BUSY = "is being saved or loaded"


class Loaded(NamedTuple):
    """What `load` gives back."""

    extra: Any  # what `save` was given as extra
    missing: list[str]  # what the optimizer has and the checkpoint has not; none if strict
    unexpected: list[str]  # what the checkpoint has besides; none if strict


class Persistence(Core):
    """What an optimizer has to be saved and to go on as if it never had been."""

    def state_dict(self, copy: bool = True) -> dict[str, Any]:
        """Give the whole state: hyperparameters, counts and arrays, by the names of the parameters.

        ``state["parameters"]["layer.w"]["arrays"]["m"]`` is an array, all that is not is what JSON can
        hold. With ``copy=False`` they are views of the optimizer's: the next step changes them.

        Raises RuntimeError inside of a step, or where a with block has moved the parameters.
        """
        from fastopt.state.capture import snapshot

        self._begin(_BUSY, even_closed=True)
        try:
            return snapshot(self, copy)
        finally:
            self._end()

    def load_state_dict(
        self, state: Mapping[str, Any], *, strict: bool = True, hyperparameters: bool = True
    ) -> "Differences":
        """Take a state: after it, training goes on with the bits that it would have had.

        Parameters are found by name, and their arrays copied. Unlike torch, nothing is cast. Functions
        of the step, which no state can hold, stay as they are here; so do schedules that were saved
        with the same arguments, and those with a state take it over.

        Parameters
        ----------
        state : dict
            What `state_dict` gave.
        strict : bool
            Raise for parameters and arrays that are on one side only, and for another ``ema`` or
            ``gradient_accumulation_steps``; else take what fits, and give back what does not.
        hyperparameters : bool
            Take hyperparameters, schedules, settings, and who is frozen, too, in place of this
            optimizer's.

        Raises
        ------
        TypeError, ValueError
            For a state that does not fit; the message says what. Nothing has changed then.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt.state.check import CheckedState
        from fastopt.state.restore import restore

        self._begin(_BUSY)
        try:
            checked = CheckedState(self, state, strict, hyperparameters)
            restore(self, checked, checked.arrays)
            return checked.differences
        finally:
            self._end()

    def save(
        self, path: Path, *, params: bool = False, extra: Any = None, progress: bool | None = None
    ) -> None:
        """Write a checkpoint: one file, ``.npz`` or ``.safetensors``, that is whole or not there.

        Parameters
        ----------
        path : str or path
            Where; a file that is there is replaced when the new one is complete.
        params : bool
            Write the parameters, too.
        extra : optional
            Anything that JSON can hold, for `load` to give back.
        progress : bool, optional
            Show a progress bar; by default from 1 GB, on a terminal.

        Raises
        ------
        CheckpointError
            If it cannot be written. The file that was there is still there.
        TypeError, ValueError
            For an `extra` that JSON cannot hold, and a path of another suffix.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt import checkpoint
        from fastopt.state.capture import snapshot

        self._begin(_BUSY, even_closed=True)
        try:
            state = snapshot(self, copy=False)
            arrays: dict[str, NDArray[Any]] = {}
            for name, entry in state["parameters"].items():
                arrays.update({f"{key}/{name}": array for key, array in entry["arrays"].items()})
                entry["arrays"] = list(entry["arrays"])
            if params:
                named = zip(self._parameters.names, self._parameters.arrays, strict=True)
                arrays.update({f"{_PARAMS}/{name}": p for name, p in named})
            manifest = {"state": state, "params": params, "extra": extra}
            checkpoint.write(path, manifest, arrays, progress)
        finally:
            self._end()

    def load(
        self,
        path: Path,
        *,
        params: bool | None = None,
        strict: bool = True,
        hyperparameters: bool = True,
        progress: bool | None = None,
    ) -> Loaded:
        """Take a checkpoint: after it, training goes on with the bits that it would have had.

        Parameters
        ----------
        path : str or path
            What `save` has written.
        params : bool, optional
            Whether to write the parameters, too; by default where the checkpoint has them.
        strict, hyperparameters : bool
            As of `load_state_dict`.
        progress : bool, optional
            As of `save`.

        Raises
        ------
        CheckpointError
            For a file that is damaged, cut short, of a newer version, or of something else; the
            message says what. Nothing has changed then, no parameter and no state.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt import checkpoint

        with checkpoint.Reader(path) as file:
            return self._load_from(file, path, params, strict, hyperparameters, progress)

    def _load_from(
        self,
        file: "Reader",
        path: Path,
        params: bool | None,
        strict: bool,
        hyperparameters: bool,
        progress: bool | None,
    ) -> Loaded:
        from fastopt import checkpoint
        from fastopt.state.check import CheckedState
        from fastopt.state.restore import restore

        self._begin(_BUSY)
        try:
            with checkpoint.fitting(path):
                wanted = _has_params(file, params)
                checked = CheckedState(self, saved_state(file), strict, hyperparameters, described=True)
                arrays, values = self._read_arrays(file, checked, wanted, progress)
            restore(self, checked, arrays, values, adopt=True)
            return Loaded(file.manifest.get("extra"), *checked.differences)
        finally:
            self._end()

    def _read_arrays(
        self, file: "Reader", state: "CheckedState", params: bool, progress: bool | None
    ) -> tuple[list[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]]:
        """Read the arrays of a state, and the parameters under their names, into fresh memory."""
        from fastopt.checkpoint import ArraySpec

        names = self._parameters.names
        expected: dict[str, ArraySpec] = {}
        owners: dict[str, tuple[NDArray[Any], int]] = {}
        for i, p in enumerate(self._parameters.arrays):
            keys = [*state.arrays[i], *[_PARAMS] * (params and state.entries[i] is not None)]
            for number, key in enumerate(keys):
                expected[f"{key}/{names[i]}"] = ArraySpec.of(p)
                owners[f"{key}/{names[i]}"] = p, number

        room = Room()

        def make(name: str) -> NDArray[Any]:
            p, number = owners[name]
            return room.beside(p, 0.0, number)

        found = file.read_all(expected, strict=False, progress=progress, make=make)
        if found.missing:
            raise ValueError(f"it has no array {found.missing[0]!r}")
        arrays = [
            {key: found.arrays[f"{key}/{name}"] for key in each}
            for name, each in zip(names, state.arrays, strict=True)
        ]
        values = {n: found.arrays[f"{_PARAMS}/{n}"] for n in names if f"{_PARAMS}/{n}" in expected}
        return arrays, values


def saved_state(file: "Reader") -> dict[str, Any]:
    """Give the state that a checkpoint holds, with descriptions in place of its arrays."""
    from fastopt.state.form import check_form

    state: dict[str, Any] = file.manifest["state"]
    check_form(state, arrays=list)
    specs = file.describe()
    parameters = {
        name: {
            **entry,
            "arrays": {
                key: specs[f"{key}/{name}"] for key in entry["arrays"] if f"{key}/{name}" in specs
            },
        }
        for name, entry in state["parameters"].items()
    }
    return {**state, "parameters": parameters}


def _has_params(file: "Reader", asked: bool | None) -> bool:
    has = bool(file.manifest["params"])
    if asked and not has:
        raise ValueError("it was saved without parameters: save(path, params=True) writes them")
    return has if asked is None else asked
