"""Experiment: the interface of the modules in fastopt.demo.experiments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fastopt.demo import contestants
from fastopt.demo.arguments import UsageError
from fastopt.demo.contestants import Contestant
from fastopt.demo.data import Dataset
from fastopt.demo.model import Network
from fastopt.demo.results import Record


@dataclass(frozen=True)
class Settings:
    """The options of the command; an experiment reads those that it lists in its `defaults`."""

    seed: int = 0
    backend: str | None = None
    optimizers: tuple[str, ...] | None = None  # by their labels; None: all
    steps: int = 0
    batch: int | None = None  # None: all of the data
    last: str = "drop"
    lr: tuple[float, ...] | None = None  # None: each optimizer its own
    clipnorm: float | None = None
    given: frozenset[str] = frozenset()  # the names of those that are not the experiment's own

    @property
    def training(self) -> dict[str, Any]:
        """Those that `train` takes as they are."""
        names = ("backend", "steps", "batch", "last", "seed")
        return {name: getattr(self, name) for name in names}


class Outcome(NamedTuple):
    """The result of an experiment."""

    settings: Settings  # the steps, too, if they came from the data
    records: Sequence[Record]
    text: str  # for the terminal: what was done, and tables
    draw: Callable[[], Any]  # makes the picture, a figure of matplotlib
    note: str = ""  # for the end of the page
    shows: str = "loss curves"  # what the picture shows, in the plural


@dataclass(frozen=True)
class Experiment:
    """A preset of ``python -m fastopt compare``."""

    name: str
    summary: str
    packages: Mapping[str, str]  # what it imports, and the name to install that by
    run: Callable[[Settings], Outcome]
    defaults: Mapping[str, Any] = field(default_factory=dict)  # the options that it heeds


# Options that may be nothing to those who were chosen.
_HEEDED: Mapping[str, Callable[[Contestant], bool]] = {
    "lr": lambda contestant: contestant.has_rate,
    "batch": lambda contestant: not contestant.whole,
    "last": lambda contestant: not contestant.whole,
}


def line_up(
    roster: Sequence[Contestant], network: Network, data: Dataset, settings: Settings
) -> dict[float | None, list[Contestant]]:
    """Choose from the roster by the settings, for each learning rate that they name, else None.

    Everything that can be wrong with them, and with the batch, is found before any training.
    """
    if settings.batch is not None and settings.batch > len(data.x_train):
        raise UsageError(f"--batch {settings.batch} is more than the {len(data.x_train)} samples "
                         "that there are to train with: choose a smaller one")  # fmt: skip
    chosen = contestants.choose(roster, settings.optimizers)
    for option, heeded in _HEEDED.items():
        if option in settings.given and not any(map(heeded, chosen)):
            names = ", ".join(contestant.label for contestant in chosen)
            raise UsageError(f"--{option} is nothing to {names} here: leave it out")
    chosen = [contestant.having(clipnorm=settings.clipnorm) for contestant in chosen]
    teams = contestants.at_rates(chosen, settings.lr)
    params = network.initialize(np.random.default_rng(settings.seed))
    for team in teams.values():
        for contestant in team:
            try:
                contestant.optimizer(params, settings.backend)
            except (ImportError, TypeError, ValueError) as error:
                raise UsageError(f"{contestant.label}: {error}") from None
    return teams
