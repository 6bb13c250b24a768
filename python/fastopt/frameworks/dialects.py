"""The dialects: what other frameworks mean by the name of an algorithm, as options of ours.

A package for each framework has all that is known of it. Its `dialect` is a table: for every algorithm
that it has, by the name of our class, the options in which its rule or its defaults differ from ours,
which are torch's where torch has it; and its `NAMES` are its own for hyperparameters, where they are
not ours, `NAMES_OF` those of one algorithm, with `HINTS` for what has another form here. Where states
can be converted, `names` are what it calls their parts, `arrival` converts from it and `departure` to
it.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from fastopt.algorithm import Algorithm
from fastopt.runtime import describe, suggest

NAMES = ("torch", "keras", "optax", "tf1", "mlx", "sklearn", "thinc", "paper")

Options = Mapping[str, Any]
Table = Mapping[str, Options]
Names = Mapping[str, str | tuple[str, str]]  # by ours; two names for a pair


class _Required:
    """A value that a framework has no default for."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


def table(like: str) -> Table:
    """Return the table of a framework."""
    found: Table = _dialect(like).TABLE
    return found


def names(like: str, cls: type[Algorithm] | None = None) -> Names:
    """Return what a framework calls hyperparameters, by our names: those of an algorithm, or of all."""
    page = _dialect(like)
    own: Mapping[str, Names] = getattr(page, "NAMES_OF", {})
    chosen = own.values() if cls is None else [own.get(cls.__name__, {})]
    return {**page.NAMES, **{ours: theirs for each in chosen for ours, theirs in each.items()}}


def _dialect(like: str) -> Any:
    return import_module(f"fastopt.frameworks.{like}.dialect")


def defaults(
    cls: type[Algorithm], like: Any, *given: Mapping[str, Any], group: int | None = None
) -> dict[str, Any]:
    """Return the options of a dialect, none where it is None, overridden by what is given.

    Raise TypeError for what the framework has no default for, and is not given; `group` says where the
    algorithm is that of a group.
    """
    values = {} if like is None else options(cls, like)
    for each in given:
        values.update(each if like is None else as_ours(cls, like, each, values))
    for name, value in values.items():
        if value is REQUIRED:
            remedy = f"{name}=..." if group is None else f"group {group} its own, {{{name!r}: ...}},"
            raise TypeError(
                f"{like} has no default for {name} of {cls.__name__}: give {remedy} as there"
            )
    return values


def as_ours(
    cls: type[Algorithm], like: Any, given: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return options under our names, of which some may have those of the framework.

    Where one half of a pair is given, the other is that of `before`, by default of the dialect. Raise
    TypeError for what is given under both names, or means something else here.
    """
    before = options(cls, like) if before is None else before
    for name, hint in getattr(_dialect(like), "HINTS", {}).items():
        if name in given and name not in cls.hyperparameters:
            raise TypeError(f"{cls.__name__} has no hyperparameter {name!r}: {hint}")
    found = dict(given)
    for ours, theirs in names(like, cls).items():
        halves = (theirs,) if isinstance(theirs, str) else theirs
        there = [each for each in halves if each in given]
        if not there or ours not in cls.hyperparameters:
            continue
        if ours in given:
            raise TypeError(
                f"{ours} of {cls.__name__} is given twice, as {ours} and as {there[0]}, which is what "
                f"{like} calls it: give {ours}=... alone"
            )
        was = (before.get(ours, cls.hyperparameters[ours].default),)
        pair = was if isinstance(theirs, str) else was[0]
        values = [found.pop(each, old) for each, old in zip(halves, pair, strict=True)]
        found[ours] = values[0] if isinstance(theirs, str) else tuple(values)
    return found


def options(cls: type[Algorithm], like: Any) -> dict[str, Any]:
    """Copy a dialect's options; raise for a framework that is unknown, or has no such algorithm."""
    if not isinstance(like, str):
        known = ", ".join(map(repr, NAMES))
        raise TypeError(f"like is {describe(like)}; it must be one of {known}, or None")
    if like not in NAMES:
        raise ValueError(f"there is no dialect {like!r}: {suggest(like, NAMES)}")
    if not _has(like, cls):
        name, having = cls.__name__, ", ".join(map(repr, frameworks_of(cls)))
        raise ValueError(
            f"like={like!r} has no {name}, but {', '.join(sorted(table(like)))}; "
            + (f"{name} can be like {having}" if having else f"leave like out, {name} has one rule")
        )
    return dict(table(like)[cls.__name__])


def frameworks_of(cls: type[Algorithm]) -> list[str]:
    """List the frameworks that have an algorithm."""
    return [like for like in NAMES if _has(like, cls)]


def _has(like: str, cls: type[Algorithm]) -> bool:
    """Return whether a framework has an algorithm: none has a user's, whatever its name."""
    return cls.is_ours() and cls.__name__ in table(like)
