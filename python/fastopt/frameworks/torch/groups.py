"""The ``param_groups`` of torch.optim: their hyperparameters, and their parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastopt.frameworks.counterpart import Counterpart
from fastopt.frameworks.torch.names import TABLE, as_ours

ParamGroup = Mapping[str, Any]

_LATE = ("maximize", "decoupled_weight_decay")  # which older versions of torch do not write
_EVERY = {key for each in TABLE.values() for key in each.options}


def chosen(group: ParamGroup, theirs: Counterpart, rule: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Read the hyperparameters; ValueError for those of another algorithm.

    Other keys, torch's switches and what its schedulers leave there, are passed over.
    """
    misfit = _misfit(group, theirs, rule)
    if misfit is not None:
        looks = [n for n, each in TABLE.items() if _misfit(group, each, _decoupling(n)) is None]
        hint = f", but like that of {looks[0]}" if looks else ""
        raise ValueError(
            f"param_groups[{i}] has {misfit}: this does not look like the state of "
            f"torch.optim.{theirs.name}{hint}"
        )
    given = as_ours(theirs.name, group)
    return {key: plain(given[key]) for key in theirs.options if key in given}


def _misfit(group: ParamGroup, theirs: Counterpart, rule: Mapping[str, Any]) -> str | None:
    """Return how a group differs from those of an algorithm, if it does."""
    group = as_ours(theirs.name, group)
    for key in theirs.options:
        if key not in group and key not in _LATE:
            return f"no {key}"
    for key in sorted(_EVERY - theirs.options.keys()):
        if key in group and (key not in rule or group[key] != rule[key]):
            return f"{key}={group[key]!r}"
    return None


def _decoupling(name: str) -> dict[str, Any]:
    return {"decoupled_weight_decay": True} if name == "AdamW" else {}


def plain(value: Any) -> Any:
    """Make numbers of tensors."""
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, value))
    return value.item() if hasattr(value, "item") else value


def indices(
    mine: Sequence[Sequence[str]], given: Sequence[ParamGroup], by_name: bool | None
) -> dict[str, Any]:
    """Find the index of each parameter there, by its name here."""
    here, there = list(map(len, mine)), [len(group["params"]) for group in given]
    if here != there:
        raise ValueError(
            f"the groups have {there} parameters in torch, and {here} here: make opt with the same "
            "groups"
        )
    if by_name is None:
        by_name = all("param_names" in group for group in given)
    found: dict[str, Any] = {}
    for i, (names, group) in enumerate(zip(mine, given, strict=True)):
        theirs = group.get("param_names", ()) if by_name else names
        if sorted(theirs) != sorted(names):
            raise ValueError(
                f"param_groups[{i}] has the parameters {sorted(theirs)}, and group {i} of opt has "
                f"{sorted(names)}; by_name=False goes by their order"
            )
        found.update(zip(theirs, group["params"], strict=True))
    return found
