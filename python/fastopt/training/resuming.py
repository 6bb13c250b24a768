"""Resuming: load a run from its file, and warn of what the script has changed since it began."""

from collections.abc import Mapping
from typing import Any

from fastopt.checkpoint import Place, called
from fastopt.optimizer import Optimizer
from fastopt.runtime import warn
from fastopt.state import marks, plain, unpacked

KEY = "training"  # in what is saved beside the optimizer


def given_to(opt: Optimizer) -> dict[str, Any]:
    """Return the hyperparameters and settings of an optimizer by name, as JSON can hold them."""
    several = len(opt.groups) > 1
    found = {
        f"{name} of group {i}" if several else name: plain(value, name, marks=True)
        for i, group in enumerate(opt.groups)
        for name, value in {**group.given, "multiply": dict(group.multiply)}.items()
    }
    declared = type(opt).declared
    found |= {name: value for name, value in opt.settings.items() if not declared[name].fixed}
    return found | {"frozen": list(opt.frozen)}


def saved_run(opt: Optimizer, path: Place, hyperparameters: bool) -> dict[str, Any]:
    """Load the optimizer from the file of a `Checkpoint`; return the state of the run.

    Warn of values that differ from those that the run began with, unless the `hyperparameters` of
    `opt` hold.
    """
    here = given_to(opt)
    extra = opt.load(path, hyperparameters=hyperparameters).extra
    if not isinstance(extra, dict) or KEY not in extra:
        raise ValueError(
            f"{called(path)!r} was not saved by a Checkpoint of fit, but by opt.save: load it with "
            "opt.load(path), and fit without resume"
        )
    found: dict[str, Any] = unpacked(extra[KEY])
    if hyperparameters:
        holds = given_to(opt)
        began = found.get("options") if isinstance(found, Mapping) else None
        _warn_of_others(called(path), here, holds if began is None else began, holds)
    return found


def _warn_of_others(path: Any, here: Mapping[str, Any], began: Any, holds: Mapping[str, Any]) -> None:
    others = [
        name
        for name, value in here.items()
        if not (marks(value) and marks(holds.get(name)))  # functions stay those of this optimizer
        and value != began.get(name)
        and value != holds.get(name)
    ]
    if others:
        listed = "; ".join(
            f"{name} is {_text(here[name])}, saved {_text(holds[name])}" for name in others
        )
        warn(
            f"this optimizer differs from the run in {path!r}: {listed}. The saved values "
            "hold; fit(..., resume=path, hyperparameters=False) keeps the values set here",
            UserWarning,
        )


def _text(value: Any) -> str:
    """Return how a script would write a value, shortly."""
    if isinstance(value, Mapping) and "schedule" in value:
        from fastopt import schedules

        return repr(schedules.from_config(value))
    if isinstance(value, list):
        return f"({', '.join(map(_text, value))})" if value else "[]"
    return marks(value)[0] if marks(value) else repr(value)
