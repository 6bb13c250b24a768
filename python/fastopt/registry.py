"""Optimizers by name."""

import fnmatch
from collections.abc import Mapping
from typing import Any

from fastopt.algorithm import need_of
from fastopt.optimizer import Optimizer
from fastopt.optimizers import CLASSES
from fastopt.runtime import alike, describe, warn

# Names that people have for a class with some of its options.
PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "amsgrad": ("adam", {"amsgrad": True}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
}

# Those that are compared and measured where all of them would be too many.
DOZEN: tuple[str, ...] = (
    *("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop"),
    *("adam", "adamw", "nadam", "lion", "lamb", "adamwschedulefree"),
)

# Names of earlier versions, for one more release.
RENAMED: Mapping[str, str] = {"iterative": "sgd"}

_BY_NAME = {name.lower(): name for name in CLASSES}

ALGORITHMS = sorted(_BY_NAME)  # the names of the classes alone


def names(pattern: str = "*") -> list[str]:
    """List the names that `get` knows: the classes in lower case, and the presets among them.

    Those that match a pattern, in any case: ``names("adam*")``.
    """
    return fnmatch.filter(sorted([*_BY_NAME, *PRESETS]), pattern.lower())


def names_from_gradients() -> list[str]:
    """List those whose step takes gradients alone.

    That of others takes a function that returns them, or estimates of the Hessian besides.
    """
    classes = {name: optimizer_class(name) for name in names()}
    return [name for name, c in classes.items() if need_of(c) in ("", "loss")]


def find(name: str) -> tuple[type[Optimizer], Mapping[str, Any]]:
    """Find the class and the options of a name, in any case; an error for an unknown one."""
    if not isinstance(name, str):
        raise TypeError(f"the optimizer is {describe(name)}; it must be a name, such as 'adamw'")
    key = name.lower()
    if key in RENAMED:
        warn(f"the optimizer {name!r} is now called {RENAMED[key]!r}", DeprecationWarning)
        key = RENAMED[key]
    key, options = PRESETS.get(key, (key, {}))
    if key not in _BY_NAME:
        raise ValueError(f"there is no optimizer {name!r}: {alike(name, names())}")
    return CLASSES[_BY_NAME[key]], options


def optimizer_class(name: str) -> type[Optimizer]:
    """Find the class of a name, in any case; ValueError, with a suggestion, for an unknown one."""
    return find(name)[0]


def get(name: str, params: Any, **options: Any) -> Optimizer:
    """Make an optimizer by its name: ``get("adam", params, lr=1e-3)``.

    The name is that of a class in any case, or a preset: ``"momentum"`` and ``"nesterov"`` are `SGD`
    with momentum 0.9, ``"amsgrad"`` is `Adam` with that option. ValueError, with a suggestion, for
    another.
    """
    cls, preset = find(name)
    return cls(params, **{**preset, **options})


def from_config(config: Mapping[str, Any], params: Any) -> Optimizer:
    """Make the optimizer whose `get_config` gave this, for other parameters; see `Optimizer`."""
    name = config.get("name") if isinstance(config, Mapping) else None
    if not isinstance(name, str):
        raise TypeError(
            f"a config is what get_config() gives, with a 'name'; this is {describe(config)}"
        )
    try:
        cls = optimizer_class(name)
    except ValueError as error:
        raise ValueError(
            f"{error}. A class of your own makes it itself: {name}.from_config(config, params)"
        ) from None
    return cls.from_config(config, params)
