"""Configuration out and in: the hyperparameters of all groups, without parameters and state."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastopt.groups import Group
from fastopt.hyperparameters import describe
from fastopt.settings import as_config, out_of_config


def config_of(name: str, groups: Sequence[Group], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give hyperparameters and settings in what JSON can hold, which is exact for floats."""
    of_groups = [{k: _plain(v) for k, v in vars(g.h).items()} for g in groups]
    return {"name": name, "groups": of_groups, "settings": as_config(settings)}


def keywords_of(config: Any, name: str, params: Any) -> tuple[Any, dict[str, Any]]:
    """Give the params and keywords with which a constructor makes the optimizer of a config."""
    if not isinstance(config, Mapping) or not {"name", "groups"} <= set(config):
        raise TypeError(f"a config is what get_config() gives; this is {describe(config)}")
    if config["name"] != name:
        raise ValueError(
            f"this is the config of {config['name']!r}, not of {name}; fastopt.from_config(config, "
            "params) makes whichever it is of"
        )
    groups, settings = list(config["groups"]), out_of_config(config.get("settings", {}))
    if len(groups) == 1 and not _one_group(params):
        return params, {**groups[0], **settings}
    if not isinstance(params, (list, tuple)) or len(params) != len(groups):
        raise ValueError(
            f"the config has {len(groups)} groups; params must be a list with the parameters of each"
        )
    containers = [p["params"] if _is_group(p) else p for p in params]
    return [{"params": p, **h} for p, h in zip(containers, groups, strict=True)], settings


def _one_group(params: Any) -> bool:
    return isinstance(params, (list, tuple)) and len(params) == 1 and _is_group(params[0])


def _is_group(params: Any) -> bool:
    return isinstance(params, dict) and "params" in params


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
