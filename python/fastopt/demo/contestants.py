"""Who is compared: every optimizer of fastopt and two variants of SGD, and their learning rates."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import fastopt
from fastopt.hyperparameters import suggest

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "momentum": ("sgd", {"momentum": 0.9}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
}

# For each, the smallest of 0.001, 0.003, 0.01, 0.03, ... that brings the training loss of the
# breast-cancer network under 0.006 in 1000 steps (mean of seeds 0, 1, 2). Whoever is not listed
# runs with the default of its class.
LEARNING_RATES = {
    "adagrad": 0.03,
    "adam": 0.003,
    "adamax": 0.01,
    "adamw": 0.003,
    "momentum": 0.03,
    "nadam": 0.003,
    "nesterov": 0.03,
    "rmsprop": 0.001,
    "sgd": 0.3,
}


@dataclass(frozen=True)
class Contestant:
    """An optimizer by its name, and the hyperparameters that it gets."""

    label: str
    name: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    def optimizer(self, params: Any, backend: str | None) -> fastopt.Optimizer:
        """Make the optimizer."""
        return fastopt.get(self.name, params, backend=backend, **self.hyperparameters)


def labels() -> list[str]:
    """List all that can be compared."""
    return sorted({*fastopt.names(), *VARIANTS})


def choose(chosen: Iterable[str] | None = None, lr: float | None = None) -> list[Contestant]:
    """Give the contestants of these labels, or all; with this learning rate, or each its own."""
    known = labels()
    found: dict[str, Contestant] = {}
    for label in map(str.lower, known if chosen is None else chosen):
        if label not in known:
            raise ValueError(f"there is no optimizer {label!r}: {suggest(label, known)}")
        name, options = VARIANTS.get(label, (label, {}))
        rate = LEARNING_RATES.get(label) if lr is None else lr
        found[label] = Contestant(label, name, options if rate is None else {**options, "lr": rate})
    return list(found.values())
