"""History: the loss of every step, and the metrics of every epoch."""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.runtime import describe

_SHOWN = 10  # epochs of the table


class History:
    """The course of training: ``history.losses``, ``history.epochs["loss"]``, ``history.plot()``.

    Its `repr` is a table of the last epochs.
    """

    def __init__(self) -> None:
        self._losses = array("d")
        self._epochs: dict[str, list[Any]] = {"epoch": [], "step": [], "loss": []}

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
        return {name: list(column) for name, column in self._epochs.items()}

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
        the right.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given.

        Returns
        -------
        Axes
        """
        from fastopt.training.curves import draw

        return draw(self.losses, self.epochs, ax)

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
        self._losses = losses

    def __repr__(self) -> str:
        columns = self._epochs
        count = len(columns["epoch"])
        lines = [f"History({count} epochs, {self.steps} steps)"]
        if count:
            cells = [[name, *map(_cell, column[-_SHOWN:])] for name, column in columns.items()]
            widths = [max(map(len, column)) for column in cells]
            lines += ["  ".join(map(str.rjust, row, widths)) for row in zip(*cells, strict=True)]
        if count > _SHOWN:
            lines.insert(2, "...")
        return "\n".join(lines)


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"
