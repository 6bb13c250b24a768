"""Recorder: the callback that measures a training run, its loss curve and where its time goes."""

from contextlib import nullcontext
from math import nan
from time import perf_counter
from typing import Any

from fastopt.demo.data import Dataset
from fastopt.demo.model import Network
from fastopt.training import Run


class Recorder:
    """Evaluates the network at about `points` steps, and takes the times of each step.

    It ends the training after `steps`, or at a point where the loss is below the `goal`.
    """

    def __init__(
        self, network: Network, data: Dataset, steps: int, points: int, goal: float, bar: Any
    ) -> None:
        self.at: list[int] = []
        # training loss, test loss, test accuracy, validation loss
        self.curve: list[tuple[float, float, float, float]] = []
        self.of_step: list[float] = []  # seconds: batch, gradients, optimizer
        self.of_optimizer: list[float] = []
        self._network, self._data = network, data
        self._steps, self._goal = steps, goal
        self._every = max(1, steps // points)
        self._bar = bar
        self._begin = self._before = 0.0

    def on_begin(self, run: Run) -> None:
        """Evaluate, and start the clock."""
        self._evaluate(run)
        self._begin = perf_counter()

    def gradients_done(self) -> None:
        """Read the clock: from now on the time is the optimizer's."""
        self._before = perf_counter()

    def on_step(self, run: Run) -> bool:
        """Record the time, evaluate where there is a point; return whether the run is over."""
        end = perf_counter()
        self.of_step.append(end - self._begin)
        self.of_optimizer.append(end - self._before)
        self._bar.update()
        over = run.step == self._steps
        if over or run.step % self._every == 0:
            self._evaluate(run)
            over = over or self.curve[-1][0] < self._goal
        if over:
            self._bar.update(self._steps - run.step)
        self._begin = perf_counter()
        return over

    def _evaluate(self, run: Run) -> None:
        network, data = self._network, self._data
        with run.opt.averaged() if run.opt.facts.kind == "schedule-free" else nullcontext():
            loss = network.loss(network.output(run.params, data.x_train), data.y_train)[0]
            output = network.output(run.params, data.x_test)
            validation = nan
            if data.x_validation is not None and data.y_validation is not None:
                held = network.output(run.params, data.x_validation)
                validation = network.loss(held, data.y_validation)[0]
        accuracy = network.loss.accuracy(output, data.y_test)
        self.at.append(run.step)
        self.curve.append((loss, network.loss(output, data.y_test)[0], accuracy, validation))
        self._bar.set_postfix_str(f"loss {loss:.2e}", refresh=False)
