"""The dialects: what other frameworks mean by the name of an algorithm, as options of ours.

A module for each framework has its table: for every algorithm that it has, by the name of our class,
the options in which its rule or its defaults differ from ours, which are torch's.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from fastopt.runtime.arguments import describe, suggest

NAMES = ("torch", "keras", "optax", "tf1", "mlx", "sklearn", "thinc", "paper")

Options = Mapping[str, Any]
Table = Mapping[str, Options]


class _Required:
    """Stands where a framework has no default."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


def table(like: str) -> Table:
    """Get the table of a framework."""
    found: Table = import_module(f"{__name__}.{like}").TABLE
    return found


def options(like: Any, algorithm: str, shown: str) -> dict[str, Any]:
    """Copy the options of an algorithm; ValueError for a framework that is unknown or has it not."""
    if not isinstance(like, str):
        raise TypeError(f"like is {describe(like)}; it must be one of {', '.join(map(repr, NAMES))}")
    if like not in NAMES:
        raise ValueError(f"there is no dialect {like!r}: {suggest(like, NAMES)}")
    if like == "torch":
        return {}
    found = table(like).get(algorithm)
    if found is None:
        others = [name for name in NAMES[1:] if algorithm in table(name)]
        raise ValueError(
            f"{like} has no {shown}, but {', '.join(sorted(table(like)))}; {shown} can be like "
            f"{', '.join(map(repr, ['torch', *others]))}"
        )
    return dict(found)
