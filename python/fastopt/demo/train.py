"""One training run, with its loss curve and where its time went.

Times are medians over the steps: a run lasts a tenth of a second, and whatever else the machine
does meanwhile would show in a sum.
"""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset, minibatches
from fastopt.demo.model import Network, Params

POINTS = 200  # of a loss curve
BAR = "{desc:<10}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} steps, {remaining} left{postfix}"


@dataclass(frozen=True)
class Run:
    """What came of a training run. The curve is the loss on the whole training set."""

    label: str
    backend: str
    lr: float
    steps: list[int]
    losses: list[float]
    test_accuracy: float
    seconds_of_step: float  # batch, gradients and optimizer; without progress bar and evaluation
    seconds_of_optimizer: float
    params: Params

    @property
    def final_loss(self) -> float:
        """The last of the curve."""
        return self.losses[-1]

    @property
    def steps_per_second(self) -> float:
        """The pace of training."""
        return 1 / self.seconds_of_step

    @property
    def optimizer_share(self) -> float:
        """The part of the time, from 0 to 1, that the optimizer took."""
        return self.seconds_of_optimizer / self.seconds_of_step


def train(
    contestant: Contestant,
    network: Network,
    data: Dataset,
    *,
    backend: str | None = None,
    steps: int = 1000,
    batch: int = 128,
    seed: int = 0,
) -> Run:
    """Train a binary classifier; initial weights and batches depend on the seed alone."""
    from tqdm import tqdm

    params = network.initialize(np.random.default_rng(seed))
    optimizer = contestant.optimizer(params, backend)
    batches = minibatches(data.x_train, data.y_train, batch, np.random.default_rng(seed))
    at: list[int] = []
    losses: list[float] = []
    whole: list[float] = []
    in_optimizer: list[float] = []

    def evaluate(step: int) -> None:
        at.append(step)
        losses.append(network.loss(network.output(params, data.x_train), data.y_train)[0])
        bar.set_postfix_str(f"loss {losses[-1]:.2e}", refresh=False)

    bar = tqdm(total=steps, desc=contestant.label, ncols=79, bar_format=BAR, disable=None)
    with bar, np.errstate(all="ignore"):  # a loss that blows up is a result, shown as such
        # A step on copies first, so that no compiler runs against the clock.
        copies = {name: p.copy() for name, p in params.items()}
        _, grads = network.loss_and_gradients(copies, data.x_train[:batch], data.y_train[:batch])
        contestant.optimizer(copies, backend).step(grads)
        evaluate(0)
        for step in range(1, steps + 1):
            begin = perf_counter()
            _, grads = network.loss_and_gradients(params, *next(batches))
            before = perf_counter()
            optimizer.step(grads)
            end = perf_counter()
            whole.append(end - begin)
            in_optimizer.append(end - before)
            if step % max(1, steps // POINTS) == 0 or step == steps:
                evaluate(step)
            bar.update()
        output = network.output(params, data.x_test)
        right = np.isfinite(output) & ((output > 0) == (data.y_test > 0))

    return Run(
        label=contestant.label,
        backend=optimizer.backend,
        lr=optimizer.groups[0]["lr"],
        steps=at,
        losses=losses,
        test_accuracy=float(right.mean()),
        seconds_of_step=median(whole),
        seconds_of_optimizer=median(in_optimizer),
        params=params,
    )
