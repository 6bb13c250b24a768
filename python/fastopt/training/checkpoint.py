"""Checkpoint: save a run along the way, to resume it."""

import os
from pathlib import Path

from fastopt.algorithm import flag
from fastopt.runtime import describe, whole
from fastopt.state import packed
from fastopt.training.resuming import KEY
from fastopt.training.run import Run

_PARAMS = flag(default=True)


class Checkpoint:
    """Save optimizer, parameters and the run to a file, over and over; ``fit(..., resume=path)``.

    In the file are the optimizer as ``opt.save`` writes it, the place in the data, the history, and
    what other callbacks keep. A run that has been killed goes on from there with the bits that it would
    have had. While gradients are being accumulated, it waits for the step that they are for. It comes
    after the other callbacks, wherever it stands among them.

    Parameters
    ----------
    path : str or path
        Each save replaces the one before.
    every : int >= 1, optional
        Save after every so many steps.
    epochs : int >= 1, optional
        Save after every so many epochs. Each of them, if neither is given.
    params : bool
        Save the parameters as well. Without them, put them where they were before you resume.
    """

    comes_last = True  # to save what the others did

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every: int | None = None,
        epochs: int | None = None,
        params: bool = True,
    ) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"path is {describe(path)}; it must be a path, such as 'run.npz', where each save can "
                "replace the one before"
            )
        self.path = Path(path)
        if every is None and epochs is None:
            epochs = 1
        self.every = None if every is None else whole(every, "every", 1)
        self.epochs = None if epochs is None else whole(epochs, "epochs", 1)
        self.params = _PARAMS.check(params, "params")
        self._due = False

    def on_begin(self, run: Run) -> None:
        """Begin with nothing to save."""
        self._due = False

    def on_step(self, run: Run) -> None:
        """Save, if it is time."""
        self._save_if(run, self.every is not None and run.step % self.every == 0)

    def on_epoch(self, run: Run) -> None:
        """Save, if it is time."""
        self._save_if(run, self.epochs is not None and run.epoch % self.epochs == 0)

    def _save_if(self, run: Run, due: bool) -> None:
        self._due = self._due or due
        if self._due and not run.opt.accumulated:
            state = packed(run.state_dict(), "the state of the run")
            run.opt.save(self.path, params=self.params, extra={KEY: state})
            self._due = False
