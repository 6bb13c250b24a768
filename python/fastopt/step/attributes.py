"""Attributes of an optimizer that can only be read, and what to write instead."""

from typing import Any, NoReturn

import numpy as np

from fastopt.arrays import write_into
from fastopt.step.bound import core_of

_COUNTED = (
    "it is counted by the steps; opt.load_state_dict(state) restores it, and a new optimizer has 0"
)
GROUPS = (
    "set hyperparameters, opt.groups[0]['lr'] = 0.1; opt.add_params(..., lr=0.1) and "
    "opt.remove_params(...) make and end groups"
)
_DECIDED = "it is decided when an optimizer is made: make a new one"
_NAMES = "names are the keys and indices in params: make a new optimizer of containers with other keys"
_ARRAYS = ("state", "ema_state", "swa_state", "slow_state")


def remedy_for(opt: Any, name: str) -> str:
    """Spell what is to be done instead of writing to an attribute."""
    bound = core_of(opt).bound
    first = bound.parameters.names[0]
    if name in _ARRAYS:
        try:
            return write_into(getattr(opt, name), f"opt.{name}")
        except ValueError as error:  # there are no such averages
            return str(error)
    if name == "params":
        return f"{_DECIDED}, or {write_into(bound.params, 'opt.params')}"
    if name == "frozen":
        return f"use opt.freeze({first!r}) and opt.unfreeze({first!r})"
    remedies = {
        "like": _DECIDED,
        "backend": _DECIDED,
        "settings": "set a setting, opt.nonfinite = 'skip'",
        "accumulated": "opt.accumulate(grads) adds gradients, and opt.flush() takes the step with them",
        "groups": GROUPS,
        "param_groups": GROUPS,
        "names": _NAMES,
        "step_count": _COUNTED,
        "skipped": _COUNTED,
        "needs_loss": "it follows from the algorithm: opt.step(grads, loss=loss) where it is True",
        "needs_estimate": "it follows from the algorithm: opt.estimate(h) where it is True",
        "grad_norm": "it is measured by each step",
    }
    return remedies.get(name, "it can only be read")


def is_shown(opt: Any, name: str) -> bool:
    """Find out whether an attribute is a property that can only be read."""
    found = getattr(type(opt), name, None)
    return isinstance(found, property) and found.fset is None


def check_same(opt: Any, name: str, value: Any) -> None:
    """Raise unless a value is what the attribute shows: ``opt.ema_state *= 0.5`` has been done then."""
    if not (isinstance(value, np.ndarray) and name in _ARRAYS and _is_shown_now(opt, name, value)):
        refuse(opt, name, "be replaced")


def _is_shown_now(opt: Any, name: str, value: Any) -> bool:
    try:
        now = getattr(opt, name)
    except ValueError:  # there are no such averages
        return False
    return isinstance(now, np.ndarray) and now.__array_interface__ == value.__array_interface__


def refuse(opt: Any, name: str, what: str) -> NoReturn:
    """Raise AttributeError with the remedy."""
    raise AttributeError(f"opt.{name} cannot {what}: {remedy_for(opt, name)}")
