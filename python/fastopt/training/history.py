"""History: the loss of every step, and the metrics of every epoch."""

import math
from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastopt.runtime import describe, suggest
from fastopt.training.tables import cell, html, text

_ENDS = {"epochs": "ended after all epochs", "stopped": "stopped", "interrupted": "interrupted"}


class History(Mapping[str, list[Any]]):
    """The course of training: ``history.losses``, ``history["loss"]``, ``history.plot()``.

    It is a mapping from the names of `epochs` to their lists, which only shows them. Its `repr`, in
    notebooks HTML, is a table of the last epochs, with why training has ended and which was best.

    Attributes
    ----------
    ended : str or None
        "epochs" after all epochs, "interrupted" by Ctrl-C, "EarlyStopping" or another name of the
        callback that has ended training, "stopped" if something else has; None before the end.
    """

    __eq__, __hash__ = object.__eq__, object.__hash__  # there are losses besides what it maps

    def __init__(self) -> None:
        self._losses = array("d")
        self._epochs: dict[str, list[Any]] = {"epoch": [], "step": [], "loss": []}
        self._best: tuple[str, int] | None = None
        self.ended: str | None = None

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._epochs:
            raise KeyError(f"there is no metric {name!r}: {suggest(name, self._epochs)}")
        return list(self._epochs[name])

    if not TYPE_CHECKING:  # to a type checker, any attribute would be there

        def __getattr__(self, name: str) -> NoReturn:
            hint = ": write history['loss'] for history.history['loss']" * (name == "history")
            if name in vars(self).get("_epochs", ()):  # which a copy does not have yet
                hint = f": write history[{name!r}]"
            raise AttributeError(
                f"'History' object has no attribute {name!r}{hint}", name=name, obj=self
            )

    def __iter__(self) -> Iterator[str]:
        return iter(self._epochs)

    def __len__(self) -> int:
        return len(self._epochs)

    @property
    def losses(self) -> NDArray[np.float64]:
        """The loss of every step: float64, of shape (steps,)."""
        return np.array(self._losses)

    @property
    def epochs(self) -> dict[str, list[Any]]:
        """A list for each column, with an entry for each epoch.

        "epoch" is 1, 2, ...; "step" the number of steps taken; "loss" the mean over the steps of
        the epoch; then the metrics of the validation.
        """
        return dict(self)

    @property
    def monitor(self) -> str:
        """The metric of which `best_epoch` is the best.

        That of `EarlyStopping`. Without one, the first of the validation with "loss" in its name, or
        else "loss".
        """
        if self._best is not None:
            return self._best[0]
        return next((name for name in list(self)[3:] if "loss" in name.lower()), "loss")

    @property
    def best_epoch(self) -> int | None:
        """The number of the best epoch, 1, 2, ...: that of `EarlyStopping`, or of the least `monitor`.

        None before there is one, and where all are NaN.
        """
        if self._best is not None:
            return self._best[1] or None
        known = [value for value in self[self.monitor] if not math.isnan(value)]
        return self[self.monitor].index(min(known)) + 1 if known else None

    def mark_best(self, monitor: str, epoch: int) -> None:
        """Set what `monitor` and `best_epoch` are; 0 where none has been best."""
        self._best = monitor, epoch

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self._losses)

    @property
    def last_loss(self) -> float:
        """The loss of the last step; NaN before there is one."""
        return self._losses[-1] if self._losses else float("nan")

    @property
    def last_metrics(self) -> dict[str, float]:
        """Loss and metrics of the last epoch, by name; nothing before there is one."""
        columns = self._epochs
        return {name: columns[name][-1] for name in list(columns)[2:] if columns["epoch"]}

    def add_step(self, loss: float) -> None:
        """Record the loss of the next step."""
        self._losses.append(loss)

    def add_epoch(self, steps: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch of so many steps.

        Raises ValueError, and records nothing, unless the metrics have the names of those before.
        """
        columns = self._epochs
        if reserved := [name for name in metrics if name in ("epoch", "step", "loss")]:
            raise ValueError(
                f"the validation returns {reserved[0]!r}, which is the name of a column of its own: "
                f"call it {'validation ' + reserved[0]!r}"
            )
        if columns["epoch"] and list(columns)[3:] != list(metrics):
            raise ValueError(
                f"the validation returns {_listed(metrics)}; in the epochs before it returned "
                f"{_listed(list(columns)[3:])}: it must return the same, in the same order, each time"
            )
        with np.errstate(invalid="ignore", over="ignore"):  # losses may be infinite
            mean = float(np.mean(self._losses[-steps:]))
        row = {"epoch": len(columns["epoch"]) + 1, "step": self.steps, "loss": mean, **metrics}
        for name, value in row.items():
            columns.setdefault(name, []).append(value)

    def plot(self, ax: Any = None) -> Any:
        """Draw the loss over the steps, smoothed as well, and the metrics, with matplotlib.

        Metrics with "loss" in their name share the axis of the loss, others have one of their own on
        the right. A ring marks the best epoch, where there are several.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given.

        Returns
        -------
        Axes
        """
        from fastopt.training.curves import draw

        best = None if self.best_epoch is None else (self.monitor, self.best_epoch)
        return draw(self.losses, self._epochs, best, ax)

    def state_dict(self) -> dict[str, Any]:
        """Return losses and epochs, as arrays."""
        return {
            "losses": self.losses,
            "epochs": {name: np.array(column) for name, column in self._epochs.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; TypeError for anything else."""
        if not isinstance(state, Mapping) or set(state) != {"losses", "epochs"}:
            raise TypeError(
                "the state of a History is what state_dict() returns, with losses, epochs; this is "
                f"{describe(state)}"
            )
        losses = array("d", np.asarray(state["losses"], np.float64).tobytes())
        self._epochs = {name: np.asarray(column).tolist() for name, column in state["epochs"].items()}
        self._losses, self._best = losses, None

    def _title(self) -> str:
        """Return its length, why training has ended, and which epoch was best."""
        parts = [f"History({len(self._epochs['epoch'])} epochs, {self.steps} steps)"]
        if self.ended is not None:
            parts.append(_ENDS.get(self.ended, f"ended by {self.ended}"))
        best = self.best_epoch
        if best is not None:
            parts.append(f"best epoch {best}: {self.monitor} {cell(self[self.monitor][best - 1])}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return text(self._title(), self._epochs)

    def _repr_html_(self) -> str:
        return html(self._title(), self._epochs, self.best_epoch)


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"
