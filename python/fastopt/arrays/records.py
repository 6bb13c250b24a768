"""NamedTuples and dataclasses: containers whose entries are fields."""

import dataclasses
from collections.abc import Mapping
from typing import Any


class Field(str):
    """The name of a field, where other containers have a key: ``params.w``, not ``params['w']``."""

    __slots__ = ()


def is_record(tree: Any) -> bool:
    """Return whether something is a NamedTuple, or an instance of a dataclass."""
    if isinstance(tree, tuple):
        return hasattr(tree, "_fields")
    return hasattr(type(tree), "__dataclass_fields__") and not isinstance(tree, (dict, list))


def fields_of(record: Any) -> dict[Any, Any]:
    """List the values of the fields, by name."""
    if isinstance(record, tuple):
        return dict(zip(map(Field, record._fields), record, strict=True))  # type: ignore[attr-defined]
    return {Field(f.name): getattr(record, f.name) for f in dataclasses.fields(record)}


def record_of(kind: Any, values: Mapping[Any, Any]) -> Any:
    """Make a record of these fields, without code of the caller, which could check or convert them."""
    if issubclass(kind, tuple):
        return kind._make(values.values())
    record = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(record, name, value)  # also where it is frozen
    return record


def is_container(tree: Any) -> bool:
    """Return whether something is a container of arrays, of any kind."""
    return isinstance(tree, (dict, list, tuple)) or is_record(tree)


def entries(tree: Any) -> Mapping[Any, Any]:
    """List what a container has, by keys, indices or fields."""
    if isinstance(tree, dict):
        return tree
    return fields_of(tree) if is_record(tree) else dict(enumerate(tree))


def entry(tree: Any, key: Any) -> Any:
    """Return what a container has in one place."""
    return getattr(tree, key) if type(key) is Field else tree[key]


def spelled(tree: str, key: Any) -> str:
    """Spell one place of a container that is spelled so: ``params['layers']``, ``params.w``."""
    return f"{tree}.{key}" if type(key) is Field else f"{tree}[{key!r}]"
