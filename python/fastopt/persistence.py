"""State out and in: as dicts, by the names of the parameters, and as checkpoint files."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from fastopt.core import Core
from fastopt.memory import state_beside

if TYPE_CHECKING:
    from fastopt.checkpoint import Reader
    from fastopt.restoring import Differences

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
        hold. With ``copy=False`` they are the arrays themselves, as torch gives them: the next step
        changes them.

        Raises RuntimeError inside of a step, or where a with block has moved the parameters.
        """
        from fastopt.snapshot import snapshot

        self._begin(_BUSY)
        try:
            return snapshot(self, copy)
        finally:
            self._end()

    def load_state_dict(
        self, state: Mapping[str, Any], *, strict: bool = True, hyperparameters: bool = True
    ) -> "Differences":
        """Take a state: after it, training goes on with the bits that it would have had.

        Parameters are found by name, and their arrays copied. Unlike torch, nothing is cast.

        Parameters
        ----------
        state : dict
            What `state_dict` gave.
        strict : bool
            Raise for parameters and arrays that are on one side only; else take what fits, and give
            back what does not.
        hyperparameters : bool
            Take hyperparameters, schedules and settings too, in place of this optimizer's.

        Raises
        ------
        TypeError, ValueError
            For a state that does not fit; the message says what. Nothing has changed then.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt.restoring import Restoration

        self._begin(_BUSY)
        try:
            restoration = Restoration(self, state, strict, hyperparameters)
            restoration.commit()
            return restoration.differences
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
        RuntimeError
            As of `state_dict`.
        """
        from fastopt import checkpoint
        from fastopt.snapshot import snapshot

        self._begin(_BUSY)
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
        from fastopt.restoring import Restoration

        self._begin(_BUSY)
        try:
            with checkpoint.Reader(path) as file, checkpoint.fitting(path):
                wanted = _has_params(file, params)
                state, arrays = self._read_state(file, wanted, progress)
                restoration = Restoration(self, state, strict, hyperparameters, adopt=True)
                extra = file.manifest.get("extra")
            restoration.commit(arrays)
            return Loaded(extra, *restoration.differences)
        finally:
            self._end()

    def _read_state(
        self, file: "Reader", params: bool, progress: bool | None
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Read the state, and the parameters under their names, into memory of their own."""
        from fastopt.checkpoint import ArraySpec

        state = file.manifest["state"]
        expected: dict[str, ArraySpec] = {}
        owners: dict[str, tuple[NDArray[Any], int]] = {}
        for name, p in zip(self._parameters.names, self._parameters.arrays, strict=True):
            keys = list(state["parameters"].get(name, {"arrays": []})["arrays"])
            for number, key in enumerate([*keys, *[_PARAMS] * params]):
                expected[f"{key}/{name}"] = ArraySpec.of(p)
                owners[f"{key}/{name}"] = p, number

        def make(name: str) -> NDArray[Any]:
            p, number = owners[name]
            return state_beside(p, 0.0, number)

        found = file.read_all(expected, strict=False, progress=progress, make=make)
        for name, entry in state["parameters"].items():
            entry["arrays"] = {
                key: found.arrays[f"{key}/{name}"]
                for key in entry["arrays"]
                if f"{key}/{name}" in found.arrays
            }
        whole = {n: found.arrays[f"{_PARAMS}/{n}"] for n in self._parameters.names if params}
        return state, whole


def _has_params(file: "Reader", asked: bool | None) -> bool:
    has = bool(file.manifest["params"])
    if asked and not has:
        raise ValueError("it was saved without parameters: save(path, params=True) writes them")
    return has if asked is None else asked
