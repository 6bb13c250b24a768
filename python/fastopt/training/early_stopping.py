"""EarlyStopping: end the training when a metric has stopped improving."""

import math
from collections.abc import Mapping
from typing import Any

from fastopt.algorithm import choice, flag, number
from fastopt.runtime import whole
from fastopt.state import Moment, keep, put_back
from fastopt.training.evaluation import metric_name
from fastopt.training.other_names import hinting
from fastopt.training.run import Run

_MODE = choice("min", "max", default="min")
_DELTA = number(default=0.0, at_least=0.0)
_RESTORE = flag(default=False)


class EarlyStopping:
    """Stop after `patience` epochs in a row in which a metric was not better than the best before.

    A metric is better if it is less than the best by more than `min_delta`, or, with `mode` "max",
    more than the best; NaN never is. The rule is that of Keras' callback of this name.

    Parameters
    ----------
    monitor : str
        "loss", the mean over the steps of an epoch, or a metric of the validation.
    patience : int >= 1
        The number of such epochs that end the training.
    mode : {"min", "max"}
        The direction that is better: less, or more.
    min_delta : float >= 0
        The least difference that counts as better.
    restore_best : bool
        When training ends, by this or otherwise, put the best epoch back, as a checkpoint of it would:
        the parameters and the whole optimizer with its state, counts of steps, averages, slow weights,
        ``cast_to=`` copies, hyperparameters and schedules. Until then, it is kept in memory: as much
        again as parameters and state take. The history of the run stays.

    Attributes
    ----------
    best : float
        The best metric so far.
    best_epoch : int
        Its epoch; 0 before there is one.
    """

    @hinting("EarlyStopping")
    def __init__(
        self,
        monitor: str = "loss",
        *,
        patience: int = 10,
        mode: str = "min",
        min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:
        self.monitor = metric_name(monitor, "monitor")
        self.patience = whole(patience, "patience", 1)
        self.mode = _MODE.check(mode, "mode")
        self.min_delta = _DELTA.check(min_delta, "min_delta")
        self.restore_best = _RESTORE.check(restore_best, "restore_best")
        self._forget()

    def _forget(self) -> None:
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch = 0
        self._bad = 0  # epochs since the best
        self._kept: Moment | None = None

    def on_begin(self, run: Run) -> None:
        """Forget an earlier run; ValueError if there can be no such metric."""
        run.check_metric(self.monitor)
        self._forget()

    def on_epoch(self, run: Run) -> bool:
        """Look at the metric; return whether training ends."""
        metric = run.metric(self.monitor)
        if self._better(metric):
            self.best, self.best_epoch, self._bad = metric, run.epoch, 0
            if self.restore_best:
                kept, self._kept = self._kept, None  # if interrupted none, rather than half of one
                self._kept = keep(run.opt, kept)
        else:
            self._bad += 1
        run.history.mark_best(self.monitor, self.best_epoch)
        return self._bad >= self.patience

    def on_end(self, run: Run) -> None:
        """Put the best epoch back, also after Ctrl-C."""
        run.history.mark_best(self.monitor, self.best_epoch)
        if self._kept is not None and self.best_epoch < run.epoch:
            try:
                put_back(run.opt, self._kept)
            except ValueError as error:
                raise ValueError(
                    f"the best epoch, {self.best_epoch}, is not put back: {error}. The optimizer is as "
                    "training has left it; EarlyStopping(..., restore_best=False) leaves it so"
                ) from error
        self._kept = None  # not before: Ctrl-C may come meanwhile, and `fit` calls this once more

    def _better(self, metric: float) -> bool:
        gain = self.best - metric if self.mode == "min" else metric - self.best
        return bool(gain > self.min_delta)

    def state_dict(self) -> dict[str, Any]:
        """Return the best so far, with the optimizer that is kept, and the epochs since."""
        kept = None if self._kept is None else {"state": self._kept.state, "params": self._kept.params}
        return {"best": self.best, "best_epoch": self.best_epoch, "bad": self._bad, "kept": kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        ValueError, and nothing changed, with `restore_best` where the best epoch was not kept whole.
        """
        kept = state["kept"]
        if self.restore_best and state["best_epoch"] and not isinstance(kept, Mapping):
            raise ValueError(
                f"the run was saved without the optimizer of its best epoch, {state['best_epoch']}, "
                "which restore_best=True would put back: resume with "
                "EarlyStopping(..., restore_best=False)"
            )
        self.best, self.best_epoch, self._bad = state["best"], state["best_epoch"], state["bad"]
        self._kept = Moment(kept["state"], kept["params"]) if self.restore_best and kept else None
