"""The form of a state: what `state_dict` gives, and what is taken for one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastopt.runtime import describe, listed

_STATE = {
    "optimizer": str,
    "steps": object,
    "skipped": object,
    "groups": list,
    "settings": Mapping,
    "loss_scale": Mapping,
    "followers": Mapping,
    "accumulated": object,
    "parameters": Mapping,
}
_GROUP = {"names": list, "hyperparameters": Mapping, "schedules": Mapping}
_LOSS_SCALE = {"value": object, "good_steps": object}
_PARAMETER = {"steps": object, "carried": Mapping, "frozen": object}


class Differences(NamedTuple):
    """Differences between a state and an optimizer; empty lists unless ``strict=False``."""

    missing: list[str]  # parameters and arrays of the optimizer that the state does not have
    unexpected: list[str]  # what the state has besides

    def complaint(self, call: str) -> str:
        """Describe them; `call` is how the state is loaded, with a place for one option."""
        words = [
            f"{what}: {listed(names)}"
            for what, names in (("missing", self.missing), ("unexpected", self.unexpected))
            if names
        ]
        return (
            f"the state is not that of these parameters; {'; '.join(words)}. "
            f"{call.format('strict=False')} takes what fits"
        )


def check_form(state: Any, arrays: type = Mapping) -> None:
    """Raise TypeError for what is built otherwise than `state_dict` builds it.

    In a file, the `arrays` of a parameter are the list of their names.
    """
    if not isinstance(state, Mapping) or not {"optimizer", "parameters"} <= set(state):
        raise TypeError(
            f"a state is what state_dict() gives; this is {describe(state)}. The state of another "
            "framework is taken by fastopt.convert"
        )
    _check(state, _STATE, "state")
    _check(state["loss_scale"], _LOSS_SCALE, "state['loss_scale']")
    if "carried" in state:  # by algorithms that measure all parameters together
        _check(state, {"carried": Mapping}, "state")
        _check(state["carried"], dict.fromkeys(state["carried"], Mapping), "state['carried']")
    for i, group in enumerate(state["groups"]):
        _check(group, _GROUP, f"state['groups'][{i}]")
        if "algorithm" in group:  # another than the optimizer's
            _check(group, {"algorithm": str}, f"state['groups'][{i}]")
    for name, entry in state["parameters"].items():
        _check(entry, {**_PARAMETER, "arrays": arrays}, f"state['parameters'][{name!r}]")


def check_list(value: Any, what: str) -> None:
    """Raise TypeError for what is no list."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{what} is {describe(value)}; it must be a list, as state_dict() gives it")


def is_mark(value: Any) -> bool:
    """Return whether it stands in place of a function, which no state can hold."""
    return isinstance(value, Mapping) and "function" in value


def marks(value: Any) -> list[str]:
    """List the functions that a hyperparameter was, or either of a pair."""
    each = value if isinstance(value, (list, tuple)) else [value]
    return [one["function"] for one in each if is_mark(one)]


def _check(found: Any, form: Mapping[str, Any], where: str) -> None:
    if not isinstance(found, Mapping):
        raise TypeError(f"{where} is {describe(found)}; it must be a dict, as state_dict() gives it")
    missing = [key for key in form if key not in found]
    if missing:
        raise TypeError(f"{where} has no {missing[0]!r}, which state_dict() gives it")
    for key, kind in form.items():
        if not isinstance(found[key], (list, tuple) if kind is list else kind):
            word = {str: "a string", list: "a list"}.get(kind, "a dict")
            raise TypeError(f"{where}[{key!r}] is {describe(found[key])}; it must be {word}")
