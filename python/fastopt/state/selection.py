"""The part of a state that is loaded: under which names, and without which parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fastopt.arrays import Form
from fastopt.model import Parameters, Which, chosen
from fastopt.numerics import kept
from fastopt.runtime import describe, suggest

Names = Mapping[str, str | None] | Callable[[str], str | None]
SHOWN = 20  # names in a message


class Selection(NamedTuple):
    """A state with the names that its parameters have here, and without those that are skipped."""

    state: Mapping[str, Any]
    saved: Mapping[str, str]  # the names in the state, by those here
    skipped: set[str]  # parameters of either side


def select(
    state: Mapping[str, Any], parameters: Parameters, skip: Which | None, names: Names | None
) -> Selection:
    """Rename the parameters of a state, whose form has been checked, and leave out what is skipped.

    Raises TypeError or ValueError, which says what is wrong with `skip` or `names`.
    """
    here = _renamed(list(state["parameters"]), parameters.names, names)
    skipped: set[str] = set()
    if skip is not None:
        own = set(parameters.names)
        both = [*parameters.names, *(name for name in here.values() if name not in own)]
        meant = chosen(skip, both, parameters.arrays, "skip")
        skipped = {name for name, m in zip(both, meant, strict=True) if m}
    elif names is None:
        return Selection(state, here, skipped)
    groups = [
        {**group, "names": [here[name] for name in group["names"] if name in here]}
        for group in state["groups"]
    ]
    entries = {name: state["parameters"][was] for was, name in here.items() if name not in skipped}
    saved = {name: was for was, name in here.items()}
    return Selection({**state, "groups": groups, "parameters": entries}, saved, skipped)


def _renamed(saved: Sequence[str], own: Sequence[str], names: Any) -> dict[str, str]:
    """Return the name here of each saved one that has one."""
    if names is None:
        return dict(zip(saved, saved, strict=True))
    if isinstance(names, Mapping):
        given = [name for name in names.values() if name is not None]
        for what, known, where in (
            (names, set(saved), "the state"),
            (given, set(own), "the optimizer"),
        ):
            for name in what:
                if name not in known:
                    raise ValueError(
                        f"names has {name!r}, and {where} has no such parameter: "
                        f"{suggest(name, known, SHOWN)}"
                    )
        found = {name: names.get(name, name) for name in saved}
    elif callable(names):
        found = {name: names(name) for name in saved}
    else:
        raise TypeError(
            f"names is {describe(names)}; it must be a dict of saved names and the names here, such as "
            '{"old.w": "new.w"}, or a function that returns the name here of a saved one'
        )
    was: dict[str, str] = {}
    for name, here in found.items():
        if here is not None and not isinstance(here, str):
            raise TypeError(f"names gives {describe(here)} for {name!r}; it must be a name, or None")
        if here in was:
            raise ValueError(
                f"names maps both {was[here]!r} and {name!r} to {here!r}; map one of them to None, "
                "which leaves it out"
            )
        if here is not None:
            was[here] = name
    return {name: here for here, name in was.items()}


def misfits(
    entries: Mapping[str, Any],
    parameters: Parameters,
    values: Mapping[str, Any],
    forms: Sequence[Mapping[str, Form]],
) -> dict[str, str]:
    """Describe the parameters of a state that have another dtype or shape here, by name.

    `values` are those of the parameters themselves, or their descriptions, where they are loaded too;
    `forms` those of states that have not that of their parameter.
    """
    found = {}
    for name, p, others in zip(parameters.names, parameters.arrays, forms, strict=True):
        there = dict(entries[name]["arrays"]) if name in entries else {}
        if name in values:
            there[""] = values[name]
        for key, array in there.items():
            form = others.get(key, Form.like(p) if key else Form(p.shape, kept(p.dtype)))
            kind = getattr(array, "dtype", form.dtype), getattr(array, "shape", form.shape)
            if kind != (form.dtype, form.shape):
                found[name] = f"{name} as {kind[0]} of shape {kind[1]}"
    return found
