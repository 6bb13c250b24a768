"""Every optimizer with every option, found by itself: what tests over "all algorithms" run over."""

from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any

from fastopt import Optimizer
from fastopt.algorithm import Algorithm
from fastopt.hyperparameters import Flag, Number, Pair
from fastopt.optimizers import CLASSES

STAGES: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.05, "decoupled_weight_decay": False, "maximize": True},
    {"weight_decay": 0.05, "decoupled_weight_decay": True},
]


def other(default: float) -> float:
    """A value that is not the default and lies in the same range."""
    return 0.9 * default + 0.05


def own_options(cls: type[Optimizer]) -> Iterator[dict[str, Any]]:
    """All numbers non-default, with every combination of switches and of numbers that can be zero."""
    shared = vars(Algorithm)
    choices: dict[str, list[Any]] = {}
    for name, hyper in cls.hyperparameters.items():
        if isinstance(hyper, Pair):
            choices[name] = [tuple(map(other, hyper.default))]
        elif isinstance(hyper, Number) and (name == "lr" or name not in shared):
            choices[name] = ([0.0] if hyper.default == 0.0 else []) + [other(hyper.default)]
        elif isinstance(hyper, Flag) and name not in shared:
            choices[name] = [False, True]
    for values in product(*choices.values()):
        options = dict(zip(choices, values, strict=True))
        try:
            cls.check_hyperparameters(SimpleNamespace(**options))
        except ValueError:
            continue
        yield options


def variants() -> list[tuple[str, dict[str, Any]]]:
    """Each class by name, with each combination of its options and of the stages."""
    return [
        (name.lower(), {**own, **stage})
        for name, cls in CLASSES.items()
        for own in own_options(cls)
        for stage in STAGES
    ]


def label(variant: tuple[str, dict[str, Any]]) -> str:
    """Name a variant in test reports, by what is switched on."""
    name, options = variant
    return "-".join([name, *(key for key, value in options.items() if value not in (0.0, False))])
