"""Optimizers by name."""

from typing import Any

from fastopt.hyperparameters import suggest
from fastopt.optimizer import Optimizer
from fastopt.optimizers import CLASSES

_BY_NAME = {name.lower(): cls for name, cls in CLASSES.items()}


def names() -> list[str]:
    """List the names that `get` knows."""
    return sorted(_BY_NAME)


def optimizer_class(name: str) -> type[Optimizer]:
    """Find a class by its name, in any case; ValueError, with a suggestion, for an unknown one."""
    found = _BY_NAME.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f"there is no optimizer {name!r}: {suggest(name, _BY_NAME)}")
    return found


def get(name: str, params: Any, **options: Any) -> Optimizer:
    """Make an optimizer by its name: ``get("adam", params, lr=1e-3)``."""
    return optimizer_class(name)(params, **options)
