"""Schedules by name, and from their configurations."""

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

from fastopt.runtime import describe, suggest

SCHEDULES: dict[str, type[Any]] = {}


def register(cls: type[Any]) -> None:
    """Make a class known by its name; one that is defined once more takes its own place."""
    known = SCHEDULES.setdefault(cls.name, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(
            f"there is a schedule {cls.name!r} already, in {known.__module__}: give yours another name"
        )
    SCHEDULES[cls.name] = cls


def arguments(cls: type[Any]) -> dict[str, Field[Any]]:
    """List the fields that the constructor of a schedule has."""
    declared: Any = cls
    return {field.name: field for field in fields(declared) if field.init}


def from_config(config: Mapping[str, Any]) -> Any:
    """Make the schedule whose `get_config` gave this.

    ::

        schedules.from_config({"schedule": "cosine", "value": 0.1, "steps": 1000})

    Arguments that have a default can be left out. TypeError for what is no configuration, ValueError,
    with a suggestion, for an unknown name.
    """
    name = config.get("schedule") if isinstance(config, Mapping) else None
    if not isinstance(name, str):
        raise TypeError(
            f"a config of a schedule is what get_config() gives, with its name under 'schedule'; "
            f"this is {describe(config)}"
        )
    if name not in SCHEDULES:
        raise ValueError(f"there is no schedule {name!r}: {suggest(name, SCHEDULES)}")
    cls = SCHEDULES[name]
    known = arguments(cls)
    given = {key: _made(value) for key, value in config.items() if key != "schedule"}
    for key in given:
        if key not in known:
            raise ValueError(f"the schedule {name!r} has no argument {key!r}: {suggest(key, known)}")
    return cls(**given)


def _made(value: Any) -> Any:
    """Make the schedules that an argument holds."""
    if isinstance(value, Mapping):
        return from_config(value)
    return [_made(each) for each in value] if isinstance(value, (list, tuple)) else value
