"""The result of a training run: its curves, and its pace."""

from dataclasses import dataclass

import numpy as np

from fastopt.demo.model import Params


@dataclass(frozen=True)
class Run:
    """The result of a training run. The curve is the loss on the whole training set."""

    label: str
    backend: str
    lr: float
    clipnorm: float | None
    batch: int | None  # None: all of the data at every step
    steps: list[int]
    losses: list[float]
    test_losses: list[float]
    accuracies: list[float]  # on the test data; NaN where the loss knows no right answers
    validation_losses: list[float]  # NaN where no data are held out for validation
    seconds_of_step: float  # batch, gradients and optimizer; without progress bar and evaluation
    seconds_of_optimizer: float  # with what `fit` does around it, a microsecond
    params: Params

    @property
    def final_loss(self) -> float:
        """The last of the curve."""
        return self.losses[-1]

    @property
    def test_loss(self) -> float:
        """The last of the test losses."""
        return self.test_losses[-1]

    @property
    def chosen_test_loss(self) -> float:
        """The test loss at the point of the curve that has the lowest validation loss."""
        return self.test_losses[int(np.nanargmin(self.validation_losses))]

    @property
    def test_accuracy(self) -> float:
        """The last of the accuracies."""
        return self.accuracies[-1]

    @property
    def steps_per_second(self) -> float:
        """The pace of training."""
        return 1 / self.seconds_of_step

    @property
    def optimizer_share(self) -> float:
        """The part of the time, from 0 to 1, that the optimizer took."""
        return self.seconds_of_optimizer / self.seconds_of_step
