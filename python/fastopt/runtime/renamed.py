"""Modules under the names that they had: for one more release, what they have comes with a warning."""

import sys
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from fastopt.runtime.warning import warn

_NEW = {
    "fastopt.elementwise": "fastopt.rules",
    "fastopt.hyperparameters": "fastopt.rules",
    "fastopt.convert.keras": "fastopt.convert",
    "fastopt.convert.optax": "fastopt.convert",
    "fastopt.convert.torch": "fastopt.convert",
}


def register() -> None:
    """Make the old names importable, without a file for each."""
    for old, new in _NEW.items():
        module = ModuleType(old, f"Renamed: see {new}.")
        module.__getattr__ = partial(_read, old, new)  # type: ignore[method-assign]
        sys.modules[old] = module
        package, _, name = old.rpartition(".")
        if package in sys.modules:
            setattr(sys.modules[package], name, module)


def _read(old: str, new: str, name: str) -> Any:
    # Python and its tools look for names with underscores in every module.
    found = None if name.startswith("_") else getattr(import_module(new), name, None)
    if found is None:
        raise AttributeError(f"module {old!r} has no attribute {name!r}; it is now {new}")
    warn(f"{old}.{name} is now {new}.{name}", DeprecationWarning)
    return found
