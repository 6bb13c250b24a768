"""Training runs, with their loss curves and where their time went.

Times are medians over the steps: a run lasts a tenth of a second, and whatever else the machine
does meanwhile would show in a sum.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from math import isfinite
from statistics import median
from typing import Any

import numpy as np

from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Array, Dataset, batches
from fastopt.demo.model import Network, Params
from fastopt.demo.recorder import Recorder
from fastopt.demo.report import loss_text
from fastopt.demo.run import Run
from fastopt.training import fit

POINTS = 200  # of a loss curve
LARGEST = float(np.finfo(np.float32).max)
BAR = "{desc:<16}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} steps, {remaining} left{postfix}"


def train_teams(
    teams: Mapping[str, Sequence[Contestant]], network: Network, data: Dataset, **options: Any
) -> dict[str, list[Run]]:
    """Train with all of each team; the options are those of `train`.

    How far it has come is on stderr: one progress bar on a terminal, else a line for each training.
    """
    runs: dict[str, list[Run]] = {title: [] for title in teams}
    each = [(title, contestant) for title, team in teams.items() for contestant in team]
    with progress_bar(options["steps"] * len(each)) as bar:
        for count, (title, contestant) in enumerate(each, start=1):
            run = train(contestant, network, data, bar=bar, **options)
            runs[title].append(run)
            if bar.disable:
                about = f"{title}: " if len(teams) > 1 else ""
                print(f"{count}/{len(each)} {about}{run.label}, lr {run.lr:g}, training loss "
                      f"{loss_text(run.final_loss)}", file=sys.stderr, flush=True)  # fmt: skip
    return runs


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

    What ends it, and the `points` of the curve, are described at `Recorder`.
    """
    batch = None if contestant.whole else batch
    params = network.initialize(np.random.default_rng(seed))
    optimizer = contestant.optimizer(params, backend)
    drawn = batches(data, batch, last, seed)
    own_bar = bar is None
    bar = progress_bar(steps) if own_bar else bar
    bar.set_description_str(contestant.label, refresh=False)
    recorder = Recorder(network, data, steps, points, goal, bar)

    def loss_and_grad(params: Params, x: Array, y: Array) -> tuple[float, Params]:
        with optimizer.at_nesterov_point() if contestant.lookahead else nullcontext():
            loss, grads = network.loss_and_gradients(params, x, y)
        recorder.gradients_done()
        # Algorithms that take their step from the loss refuse one that is not finite.
        return loss if isfinite(loss) else LARGEST, grads

    # A loss that blows up is a result, shown as such.
    with bar if own_bar else nullcontext(), np.errstate(all="ignore"):
        # A step on copies first, so that no compiler runs against the clock.
        copies = {name: p.copy() for name, p in params.items()}
        loss, grads = network.loss_and_gradients(copies, data.x_train[:batch], data.y_train[:batch])
        first = contestant.optimizer(copies, backend)
        first.step(grads, loss=loss if first.needs_loss else None)
        epochs = -(-steps // len(drawn))
        fit(loss_and_grad, params, optimizer, drawn, epochs, [recorder], progress=False)

    if optimizer.facts.kind == "schedule-free":
        optimizer.eval()
    losses, test_losses, accuracies, validation_losses = map(list, zip(*recorder.curve, strict=True))
    return Run(
        label=contestant.label,
        backend=optimizer.backend,
        lr=optimizer.groups[0]["lr"],
        clipnorm=contestant.hyperparameters.get("clipnorm"),
        batch=batch,
        steps=recorder.at,
        losses=losses,
        test_losses=test_losses,
        accuracies=accuracies,
        validation_losses=validation_losses,
        seconds_of_step=median(recorder.of_step),
        seconds_of_optimizer=median(recorder.of_optimizer),
        params=params,
    )
