"""Training runs, with their loss curves and where their time went.

Times are medians over the steps: a run lasts a tenth of a second, and whatever else the machine
does meanwhile would show in a sum.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset, minibatches
from fastopt.demo.model import Network
from fastopt.demo.run import Run
from fastopt.eval_mode import EvalMode

POINTS = 200  # of a loss curve
BAR = "{desc:<16}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} steps, {remaining} left{postfix}"


def train_teams(
    teams: Mapping[str, Sequence[Contestant]], network: Network, data: Dataset, **options: Any
) -> dict[str, list[Run]]:
    """Train with all of each team, under one progress bar; the options are those of `train`."""
    with progress_bar(options["steps"] * sum(map(len, teams.values()))) as bar:
        return {
            title: [train(contestant, network, data, bar=bar, **options) for contestant in team]
            for title, team in teams.items()
        }


def progress_bar(steps: int) -> Any:
    """Make a progress bar on stderr, if that is a terminal."""
    from tqdm import tqdm

    return tqdm(total=steps, ncols=79, bar_format=BAR, disable=None)


def train(
    contestant: Contestant,
    network: Network,
    data: Dataset,
    *,
    backend: str | None = None,
    steps: int = 1000,
    batch: int | None = 128,
    last: str = "drop",
    seed: int = 0,
    goal: float = 0.0,
    points: int = POINTS,
    bar: Any = None,
) -> Run:
    """Train a network; initial weights and batches depend on the seed alone.

    It ends after `steps`, or at a point of the curve, of which there are about `points`, where the
    loss is below the `goal`.
    """
    batch = None if contestant.whole else batch
    params = network.initialize(np.random.default_rng(seed))
    optimizer = contestant.optimizer(params, backend)
    batches = minibatches(data.x_train, data.y_train, batch, np.random.default_rng(seed), last)
    at: list[int] = []
    curve: list[tuple[float, float, float]] = []
    whole: list[float] = []
    in_optimizer: list[float] = []

    def evaluate(step: int) -> None:
        at.append(step)
        with optimizer.averaged() if isinstance(optimizer, EvalMode) else nullcontext():
            loss = network.loss(network.output(params, data.x_train), data.y_train)[0]
            output = network.output(params, data.x_test)
        accuracy = network.loss.accuracy(output, data.y_test)
        curve.append((loss, network.loss(output, data.y_test)[0], accuracy))
        bar.set_postfix_str(f"loss {loss:.2e}", refresh=False)

    own_bar = bar is None
    bar = progress_bar(steps) if own_bar else bar
    bar.set_description_str(contestant.label, refresh=False)
    # A loss that blows up is a result, shown as such.
    with bar if own_bar else nullcontext(), np.errstate(all="ignore"):
        # A step on copies first, so that no compiler runs against the clock.
        copies = {name: p.copy() for name, p in params.items()}
        _, grads = network.loss_and_gradients(copies, data.x_train[:batch], data.y_train[:batch])
        contestant.optimizer(copies, backend).step(grads)
        evaluate(0)
        for step in range(1, steps + 1):
            begin = perf_counter()
            x, y = next(batches)
            with optimizer.lookahead() if contestant.lookahead else nullcontext():
                _, grads = network.loss_and_gradients(params, x, y)
            before = perf_counter()
            optimizer.step(grads)
            end = perf_counter()
            whole.append(end - begin)
            in_optimizer.append(end - before)
            bar.update()
            if step % max(1, steps // points) == 0 or step == steps:
                evaluate(step)
                if curve[-1][0] < goal:
                    bar.update(steps - step)
                    break

    if isinstance(optimizer, EvalMode):
        optimizer.eval()
    losses, test_losses, accuracies = map(list, zip(*curve, strict=True))
    return Run(
        label=contestant.label,
        backend=optimizer.backend,
        lr=optimizer.groups[0]["lr"],
        clipnorm=contestant.hyperparameters.get("clipnorm"),
        batch=batch,
        steps=at,
        losses=losses,
        test_losses=test_losses,
        accuracies=accuracies,
        seconds_of_step=median(whole),
        seconds_of_optimizer=median(in_optimizer),
        params=params,
    )
