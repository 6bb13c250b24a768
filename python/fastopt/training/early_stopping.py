"""EarlyStopping: end the training when a metric has stopped improving."""

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from fastopt.hyperparameters import choice, flag, number, whole
from fastopt.optimizer import Optimizer
from fastopt.training.evaluation import metric_name
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
        "loss", the mean over the steps of an epoch, or a metric that the validation gives.
    patience : int >= 1
        How many such epochs end the training.
    mode : {"min", "max"}
        Whether less is better, or more.
    min_delta : float >= 0
        By how much a better metric has to be better.
    restore_best : bool
        When training ends, by this or otherwise, put the parameters and averages (``ema=``) of the best
        epoch back. State of the optimizer, such as moments, stays.

    Attributes
    ----------
    best : float
        The best metric so far.
    best_epoch : int
        Its epoch; 0 before there is one.
    """

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
        self._kept: list[NDArray[Any]] = []

    def on_begin(self, run: Run) -> None:
        """Forget what an earlier run had."""
        self._forget()

    def on_epoch(self, run: Run) -> bool:
        """Look at the metric; say whether training ends."""
        metric = run.metric(self.monitor)
        if self._better(metric):
            self.best, self.best_epoch, self._bad = metric, run.epoch, 0
            if self.restore_best:
                self._kept = [array.copy() for array in _arrays(run.opt)]
        else:
            self._bad += 1
        return self._bad >= self.patience

    def on_end(self, run: Run) -> None:
        """Put the best parameters back."""
        if self._kept and self.best_epoch < run.epoch:
            for array, kept in zip(_arrays(run.opt), self._kept, strict=True):
                array[...] = kept
            run.opt._pipeline.write_copies()

    def _better(self, metric: float) -> bool:
        gain = self.best - metric if self.mode == "min" else metric - self.best
        return bool(gain > self.min_delta)

    def state_dict(self) -> dict[str, Any]:
        """Give the best so far, with the parameters that are kept, and the epochs since."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "bad": self._bad,
            "kept": self._kept,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._bad, self._kept = state["bad"], state["kept"]


def _arrays(opt: Optimizer) -> list[NDArray[Any]]:
    """List what a best model is made of."""
    averages = opt._pipeline.averages
    return [*opt._parameters.arrays, *([] if averages is None else averages.arrays)]
