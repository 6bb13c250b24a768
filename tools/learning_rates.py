#!/usr/bin/env python
"""Choose the learning rates of `python -m fastopt compare` again, by the rule of fastopt.demo.rates.

`python tools/learning_rates.py breast-cancer [mnist] [--optimizers NAME ...]` prints each optimizer's
validation losses over the grid, and the rate with the lowest. It takes minutes; with
OPENBLAS_NUM_THREADS=1 fewer.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from fastopt.demo import data, rates
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset
from fastopt.demo.experiments import breast_cancer, mnist
from fastopt.demo.model import Network
from fastopt.demo.train import train


class Task(NamedTuple):
    """What an experiment trains."""

    load: Callable[[int], Dataset]
    network: Network
    rosters: Mapping[str, Sequence[Contestant]]
    steps: int
    batch: int


TASKS = {
    "breast-cancer": Task(
        data.breast_cancer,
        breast_cancer.NETWORK,
        {breast_cancer.OWN: breast_cancer.roster()},
        breast_cancer.STEPS,
        breast_cancer.EXPERIMENT.defaults["batch"],
    ),
    "mnist": Task(
        data.mnist, mnist.NETWORK, mnist.ROSTERS, mnist.STEPS, mnist.EXPERIMENT.defaults["batch"]
    ),
}


def validation_loss(task: Task, contestant: Contestant, lr: float) -> float:
    """Return the mean over the seeds; infinite where a run diverged."""
    found = [
        train(
            contestant.having(lr=lr),
            task.network,
            data.hold_out(task.load(seed), seed),
            steps=task.steps,
            batch=task.batch,
            seed=seed,
            points=1,
        ).validation_losses[-1]
        for seed in rates.SEEDS
    ]
    return float(np.mean(found)) if np.isfinite(found).all() else inf


def chosen(task: Task, contestant: Contestant, grid: Sequence[float] = rates.GRID) -> float:
    """Return the rate of the grid with the lowest validation loss, and print all."""
    losses = {lr: validation_loss(task, contestant, lr) for lr in grid}
    best = min(losses, key=losses.__getitem__)
    print(f"{contestant.label}: {best:g}  ", *(f"{lr:g}: {loss:.3g}" for lr, loss in losses.items()))
    return best


def main() -> None:
    """Print what is chosen, and what stands in the code where that differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="+", choices=TASKS)
    parser.add_argument("--optimizers", nargs="+")
    args = parser.parse_args()
    for name in args.experiments:
        for title, roster in TASKS[name].rosters.items():
            print(f"{name}, {title}")
            for contestant in roster:
                if args.optimizers is None or contestant.label in args.optimizers:
                    best, stands = chosen(TASKS[name], contestant), contestant.hyperparameters.get("lr")
                    if best != stands:
                        print(f"  differs: {stands} stands in the code")


if __name__ == "__main__":
    main()
