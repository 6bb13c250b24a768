"""What every dialect promises, written down by hand: the rule of each framework as plain NumPy.

A module for each framework, transcribed from its source (for `paper`, from the papers): one array and
one step at a time, with no thought of speed, and nothing of the package. Options bear our names.
`DEFAULTS` has every option that the framework has, by algorithm, REQUIRED where it has no default;
`CASES` has options to try beside the defaults; `RULES` has the functions, which take parameter,
gradient, states, number of the step and options, and return the new parameter.

Each algorithm is in each of the modules in full, though many agree: a framework's rule is not to be
read off another's.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NamedTuple

FRAMEWORKS = ("torch", "keras", "optax", "tf1", "mlx", "sklearn", "thinc", "paper")

REQUIRED = object()
_CHOSEN = {"lr": 0.02, "weight_decay": 0.003}

Options = dict[str, Any]
State = dict[str, Any]
Given = SimpleNamespace
Rule = Callable[[Any, Any, State, int, Given], Any]


class Transcription(NamedTuple):
    """One pair of a framework and an algorithm."""

    rule: Rule
    defaults: Options
    cases: list[Options]

    def complete(self, given: Options) -> Given:
        """Add the defaults to the options that are given."""
        unknown = set(given) - set(self.defaults)
        assert not unknown, f"the framework has no {unknown}"
        return Given(**{**self.defaults, **given})

    def needed(self) -> Options:
        """Choose values for what has no default."""
        return {name: _CHOSEN[name] for name in self.required}

    def options(self) -> Iterator[tuple[str, Options]]:
        """Give the defaults and every case, with words for each."""
        for case in [{}, *self.cases]:
            words = ",".join(f"{key}={value}" for key, value in case.items()) or "defaults"
            yield words, {**self.needed(), **case}

    @property
    def required(self) -> set[str]:
        return {name for name, value in self.defaults.items() if value is REQUIRED}


def transcriptions() -> dict[tuple[str, str], Transcription]:
    """All pairs, by framework and name of the algorithm in lower case."""
    found = {}
    for framework in FRAMEWORKS:
        module = import_module(f"transcribed.{framework}")
        for name, rule in module.RULES.items():
            pair = Transcription(rule, module.DEFAULTS[name], module.CASES[name])
            found[framework, name] = pair
    return found


def rate(k: int) -> float:
    """By what to multiply the learning rate of step k: it falls to a tenth, and rises to a half."""
    return 1.0 if k < 60 else 0.1 if k < 130 else 0.5
