"""Plateau: show a metric to a schedule."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastopt.runtime import describe
from fastopt.training.evaluation import metric_name
from fastopt.training.run import Run

if TYPE_CHECKING:
    from fastopt.schedules import ReduceOnPlateau


class Plateau:
    """Show a metric to a `schedules.reduce_on_plateau` after each epoch.

    Parameters
    ----------
    schedule : ReduceOnPlateau
        Its state is saved with the run.
    monitor : str
        "loss", the mean over the steps of an epoch, or a metric of the validation.
    """

    def __init__(self, schedule: "ReduceOnPlateau", monitor: str = "loss") -> None:
        if not hasattr(schedule, "observe"):
            raise TypeError(
                f"schedule is {describe(schedule)}; it must be one that takes a metric: "
                "schedules.reduce_on_plateau(...)"
            )
        self.schedule = schedule
        self.monitor = metric_name(monitor, "monitor")

    def on_epoch(self, run: Run) -> None:
        """Show it the metric."""
        self.schedule.observe(run.metric(self.monitor))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the schedule."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of the schedule."""
        self.schedule.load_state_dict(state)
