"""Run: one training, as callbacks see it and as it is saved."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastopt.optimizer import Optimizer
from fastopt.runtime import describe, suggest
from fastopt.training.batches import Batches, EpochLoop
from fastopt.training.callbacks import Callbacks
from fastopt.training.history import History

_VERSION = 1


class Run:
    """The argument of every callback.

    Attributes
    ----------
    opt, params
        Those of `fit`.
    epoch : int
        The number of the epoch: 1, 2, ...
    history : History
    stopped : bool
        Whether a callback has ended the training; can be set.
    """

    def __init__(
        self,
        opt: Optimizer,
        params: Any,
        data: Any,
        callbacks: Callbacks,
        given: Mapping[str, Any],
        validated: bool,
    ) -> None:
        self.opt = opt
        self.params = params
        self.history = History()
        self.epoch = 0
        self.stopped = False
        self._data = data
        self._callbacks = callbacks
        self._options = given  # of the optimizer, as the run began
        self._validated = validated  # whether there are metrics besides the loss
        self._called = False  # whether the callbacks know of the run
        self._begun = False  # whether the epoch has not been ended yet
        self._given = 0  # batches of it
        self._loop: EpochLoop | None = None  # the loop over `Batches`

    @property
    def step(self) -> int:
        """The number of steps taken: one for each batch."""
        return self.history.steps

    @property
    def loss(self) -> float:
        """The loss of the last step."""
        return self.history.last_loss

    @property
    def metrics(self) -> dict[str, float]:
        """Those of the last epoch: "loss", the mean over its steps, and those of the validation."""
        return self.history.last_metrics

    def metric(self, name: str) -> float:
        """Return a metric of the last epoch; ValueError, with a suggestion, for an unknown one."""
        metrics = self.metrics
        if name not in metrics:
            raise ValueError(
                f"there is no metric {name!r}: {suggest(name, metrics)}. A validation that returns "
                f"{{{name!r}: ...}} has one of this name"
            )
        return metrics[name]

    def check_metric(self, name: str) -> None:
        """Raise ValueError for a metric that cannot be there: any but "loss" without a validation."""
        if name != "loss" and not self._validated:
            raise ValueError(
                f"there is no validation, so the only metric is 'loss', and there is no {name!r}: "
                f"fit(..., validation=lambda params: {{{name!r}: loss_and_grad(params, x, y)[0]}})"
            )

    # What `fit` goes through.

    def begin(self, saved: Mapping[str, Any] | None, hyperparameters: bool = True) -> None:
        """Call the callbacks, and go on from what has been saved, if there is something."""
        self._callbacks.call("on_begin", self)
        if saved is not None:
            given = self._options
            self.load_state_dict(saved)
            if not hyperparameters:
                self._options = given
        self._called = True

    def goes_on(self, epochs: int) -> bool:
        """Return whether there is more to do."""
        return not self.stopped and (self._begun or self.epoch < epochs)

    def batches(self) -> Iterator[Any]:
        """Yield the batches of the next epoch, or what is left of one that has begun."""
        if not self._begun:
            self.epoch, self._begun, self._given = self.epoch + 1, True, 0
        elif self._all_given():
            return
        for batch in self._begin_loop():
            self._given += 1
            yield batch
        if not self._given:
            raise ValueError(
                f"data has no batch in epoch {self.epoch}; use an iterable that has some each time, "
                "such as fastopt.Batches"
            )

    def _begin_loop(self) -> Iterator[Any]:
        """Begin a loop over the data, where the last one of this run has ended."""
        if not isinstance(self._data, Batches):
            return iter(self._data)
        if self._loop is not None:  # callbacks may have looped over the same batches
            self._data.load_state_dict(self._loop.state_dict())
        loop: Iterator[Any] = iter(self._data)
        self._loop = loop if isinstance(loop, EpochLoop) else None  # a subclass may have another
        return loop

    def end_step(self, loss: float) -> None:
        """Record the loss of a step, and call the callbacks."""
        self.history.add_step(loss)
        self._callbacks.call("on_step", self)

    def end_epoch(self, metrics: Mapping[str, float]) -> None:
        """Record the metrics of an epoch, and call the callbacks."""
        self.history.add_epoch(self._given, metrics)
        self._begun = False
        self._callbacks.call("on_epoch", self)

    def end(self) -> None:
        """Record why training has ended, unless a callback has, and call the callbacks."""
        if self.history.ended is None:
            self.history.ended = "stopped" if self.stopped else "epochs"
        self._callbacks.call("on_end", self)

    def interrupted(self, interrupt: KeyboardInterrupt) -> None:
        """End with the history in the exception, and a note in its traceback of where it is."""
        self.history.ended = "interrupted"
        interrupt.history = self.history  # type: ignore[attr-defined]
        interrupt.add_note(
            f"fit was interrupted in epoch {self.epoch} after {self.step} steps. The history is an "
            "attribute of this exception; in a notebook: import sys; history = sys.last_value.history"
        )
        if self._called:
            self.end()

    def _all_given(self) -> bool:
        given = getattr(self._data, "position", self._given)  # a run can begin within an epoch
        return hasattr(self._data, "__len__") and given == len(self._data)

    # Saving.

    def state_dict(self) -> dict[str, Any]:
        """Return what `fit` needs to go on from here, besides the optimizer and its parameters."""
        return {
            "version": _VERSION,
            "epoch": self.epoch,
            "begun": self._begun,
            "given": self._given,
            "stopped": self.stopped,
            "ended": self.history.ended,
            "options": self._options,
            "data": self._place(),
            "history": self.history.state_dict(),
            "callbacks": self._callbacks.state(),
        }

    def _place(self) -> Any:
        """Return the place in the data: that of the loop of this run, where there is one."""
        source = self._data if self._loop is None else self._loop
        return source.state_dict() if hasattr(self._data, "load_state_dict") else None

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; ValueError where data or callbacks are others."""
        if not isinstance(state, Mapping) or state.get("version") != _VERSION:
            raise ValueError(
                f"a run of version {_VERSION} is needed to go on; this is {describe(state)}"
            )
        self._callbacks.check(state["callbacks"])
        self._options = state.get("options", self._options)
        self.epoch, self._begun, self._given = state["epoch"], state["begun"], state["given"]
        self._loop = None
        if state["data"] is not None:
            self._data.load_state_dict(state["data"])
        elif self._begun and not self._all_given():
            raise ValueError(
                f"the run was saved after batch {self._given} of epoch {self.epoch}, and data, "
                f"{describe(self._data)}, cannot go on there: use fastopt.Batches, which can"
            )
        self.stopped = state["stopped"]
        self.history.load_state_dict(state["history"])
        self.history.ended = state.get("ended")
        self._callbacks.load(state["callbacks"])
