"""Contestants of an experiment: an optimizer with hyperparameters of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fastopt
from fastopt.demo.arguments import check_names


@dataclass(frozen=True)
class Contestant:
    """An optimizer, by its name in the registry or as a class, and its hyperparameters."""

    label: str
    algorithm: str | type[fastopt.Optimizer]
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    lookahead: bool = False  # whether its gradients are taken where the momentum will carry it
    has_rate: bool = True  # whether its learning rate can be chosen
    whole: bool = False  # whether each of its steps is over all of the data

    def optimizer(self, params: Any, backend: str | None) -> fastopt.Optimizer:
        """Make the optimizer."""
        options = {"backend": backend, **self.hyperparameters}
        if isinstance(self.algorithm, str):
            if fastopt.registry.optimizer_class(self.algorithm).scratch:
                options["groups"] = fastopt.vectors_by_adamw
            return fastopt.get(self.algorithm, params, **options)
        return self.algorithm(params, **options)

    def having(self, **hyperparameters: Any) -> "Contestant":
        """Make one that differs in these hyperparameters; those that are None stay as they are."""
        given = {name: value for name, value in hyperparameters.items() if value is not None}
        return replace(self, hyperparameters={**self.hyperparameters, **given})


def choose(roster: Sequence[Contestant], names: Sequence[str] | None) -> list[Contestant]:
    """Find the contestants of these names; all for None, and for the name "all"."""
    if names is None or tuple(names) == ("all",):
        return list(roster)
    known = {contestant.label: contestant for contestant in roster}
    check_names(names, "optimizer", known, "--optimizers names none")
    return [known[name] for name in names]


def at_rates(
    contestants: Sequence[Contestant], rates: Sequence[float] | None
) -> dict[float | None, list[Contestant]]:
    """Return the contestants for each learning rate; without rates, each keeps its own."""
    if rates is None:
        return {None: list(contestants)}
    return {rate: [c.having(lr=rate) if c.has_rate else c for c in contestants] for rate in rates}
