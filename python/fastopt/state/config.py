"""Configuration out and in: the hyperparameters of all groups, without parameters and state."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from fastopt.algorithm import ARRAYS, SETTINGS, renamed
from fastopt.model import Group, Named
from fastopt.runtime import by_name, describe


def config_of(
    name: str,
    groups: Sequence[Group],
    names: Sequence[Sequence[str]],
    frozen: Sequence[bool],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return hyperparameters and settings as JSON can hold them, which is exact for floats.

    `names` are those of each group's parameters, where ``groups=`` has divided them; `frozen` says
    which groups are, as a whole.
    """
    found = [
        {**_group_config(group), **({"frozen": True} if out else {})}
        for group, out in zip(groups, frozen, strict=True)
    ]
    for config, mine in zip(found, names, strict=False):
        config["names"] = list(mine)
    return {"name": name, "groups": found, "settings": settings_config(settings)}


def settings_config(settings: Mapping[str, Any], marks: bool = False) -> dict[str, Any]:
    """Return the settings that are not at their defaults."""
    return {
        name: plain(value, name, marks)
        for name, value in settings.items()
        if name not in ARRAYS and value is not SETTINGS[name].default
        if callable(value) or value != SETTINGS[name].default
    }


def _group_config(group: Group) -> dict[str, Any]:
    """Return the values of a group, schedules by their own configuration."""
    found: dict[str, Any] = {"algorithm": group.algorithm} if group.other else {}
    found |= {name: plain(value, name) for name, value in group.given.items()}
    return {**found, "multiply": dict(group.multiply)} if group.multiply else found


def keywords_of(config: Any, name: str, params: Any) -> tuple[Any, dict[str, Any]]:
    """Return the params and keywords with which a constructor makes the optimizer of a config."""
    if not isinstance(config, Mapping) or not {"name", "groups"} <= set(config):
        raise TypeError(f"a config is what get_config() gives; this is {describe(config)}")
    if config["name"] != name:
        of = config["name"]
        try:
            by_name.find(of)
            maker = "fastopt"
        except (TypeError, ValueError):  # a class of the user
            maker = of
        raise ValueError(
            f"this is the config of {of!r}, not of {name}: {maker}.from_config(config, params) makes it"
        )
    groups = [made(group) for group in config["groups"]]
    settings = renamed.saved(made(config.get("settings", {})))
    if all("names" in group for group in groups):
        named = [(group.pop("names"), group) for group in groups]
        return params, {"groups": {Named(names): group for names, group in named if names}, **settings}
    if len(groups) == 1 and not _one_group(params):
        of_a_group = groups[0].copy() if "algorithm" in groups[0] else ("multiply", "frozen")
        more = {key: groups[0].pop(key, None) for key in of_a_group}
        said = {key: value for key, value in more.items() if value}
        for_all = {"groups": {"*": said}} if said else {}
        return params, {**groups[0], **for_all, **settings}
    if not isinstance(params, (list, tuple)) or len(params) != len(groups):
        raise ValueError(
            f"the config has {len(groups)} groups; params must be a list with the parameters of each"
        )
    containers = [p["params"] if _is_group(p) else p for p in params]
    return [{"params": p, **h} for p, h in zip(containers, groups, strict=True)], settings


def made(value: Any) -> Any:
    """Make schedules again of their configurations, wherever they stand in a value."""
    if isinstance(value, Mapping):
        if "schedule" in value:
            return import_module("fastopt.schedules").from_config(value)
        return {name: made(each) for name, each in value.items()}
    return [made(each) for each in value] if isinstance(value, (list, tuple)) else value


def _one_group(params: Any) -> bool:
    return isinstance(params, (list, tuple)) and len(params) == 1 and _is_group(params[0])


def _is_group(params: Any) -> bool:
    return isinstance(params, dict) and "params" in params


def plain(value: Any, name: str, marks: bool = False) -> Any:
    """Return a value as JSON can hold it; functions raise TypeError, or are marked as such."""
    if isinstance(value, tuple):
        return [plain(each, name, marks) for each in value]
    if hasattr(value, "get_config"):
        return value.get_config()
    if not callable(value):
        return value
    if marks:
        return {"function": getattr(value, "__name__", type(value).__name__)}
    raise TypeError(
        f"{name} is {describe(value)}, a function, which no config can hold: one of "
        "fastopt.schedules can"
    )
