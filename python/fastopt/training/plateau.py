"""Plateau shows a metric to a schedule; Watch finds the schedules that nothing shows one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastopt.optimizer import Optimizer
from fastopt.runtime import describe, warn
from fastopt.state import is_stateful, parts
from fastopt.training.evaluation import metric_name
from fastopt.training.run import Run

if TYPE_CHECKING:
    from fastopt.schedules import ReduceOnPlateau

OWN = "fastopt.training."  # where callbacks are that show no metric, but Plateau


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

    def on_begin(self, run: Run) -> None:
        """Raise ValueError if there can be no such metric."""
        run.check_metric(self.monitor)

    def on_epoch(self, run: Run) -> None:
        """Show it the metric."""
        self.schedule.observe(run.metric(self.monitor))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the schedule."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of the schedule."""
        self.schedule.load_state_dict(state)


class Watch:
    """The schedules of an optimizer that wait for a metric, such as `schedules.reduce_on_plateau`.

    ValueError where nothing can show them one: no `Plateau`, and no callback of the user's own. One of
    the user's own may; a warning after the first epoch says if none has.
    """

    def __init__(self, opt: Optimizer, callbacks: Any, epochs: int) -> None:
        given = callbacks if isinstance(callbacks, (list, tuple)) else ()
        self._given, self._epochs = given, epochs
        self._waiting: list[tuple[Any, str, str]] = []
        self.look_at(opt)

    def look_at(self, opt: Optimizer) -> None:
        """Look at the schedules that the optimizer has now; raise before any step."""
        shown = [getattr(callback, "schedule", None) for callback in self._given]
        self._waiting = [
            each for each in _observing(opt) if not any([each[0] is schedule for schedule in shown])
        ]
        own = [type(callback).__module__.startswith(OWN) for callback in self._given]
        # Within a single epoch no metric comes in time; a second one without is too many.
        blind = [each for each in self._waiting if self._epochs > 1 or _passed(each[0], opt)]
        if blind and all(own):
            raise ValueError(_complaint(*blind[0][1:]))

    def after_epoch(self) -> None:
        """Warn where a first epoch has ended, and no callback has shown a schedule its metric."""
        for schedule, name, place in self._waiting:
            if self._epochs > 1 and getattr(schedule, "observed", True) is False:
                warn(_complaint(name, place), UserWarning)
        self._waiting = []


def _observing(opt: Optimizer) -> list[tuple[Any, str, str]]:
    """List the schedules that take a metric, each once, with its name and the expression for it."""
    found: dict[int, tuple[Any, str, str]] = {}
    for i, group in enumerate(opt.groups):
        for name, value in group.given.items():
            for k, each in enumerate(parts(value)):
                if is_stateful(each) and hasattr(each, "observe"):
                    place = f"opt.groups[{i}].given[{name!r}]" + f"[{k}]" * isinstance(value, tuple)
                    found.setdefault(id(each), (each, name, place))
    if is_stateful(opt.ema) and hasattr(opt.ema, "observe"):
        found.setdefault(id(opt.ema), (opt.ema, "ema", "opt.ema"))
    return list(found.values())


def _passed(schedule: Any, opt: Optimizer) -> bool:
    """Return whether steps have been taken with a schedule that has never been shown a metric."""
    return opt.step_count > 0 and getattr(schedule, "observed", True) is False


def _complaint(name: str, place: str) -> str:
    return (
        f"{name} is a schedule that waits for a metric, and nothing shows it one, so that it never "
        f'changes: fit(..., callbacks=[fastopt.training.Plateau({place}, "loss")]), or a metric of the '
        "validation in place of the loss"
    )
