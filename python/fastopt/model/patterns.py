"""Patterns of names, and functions of name and array, that choose parameters; groups by them."""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any

from numpy.typing import NDArray

from fastopt.model.places import Places
from fastopt.model.ties import check_patterns
from fastopt.runtime import describe, suggest

Array = NDArray[Any]
One = str | re.Pattern[str] | Callable[[str, Array], bool]
Which = One | Sequence[One]
SHOWN = 20  # names in a message
_SPECIAL = re.compile(r"[*?[]")  # what only a pattern has, mostly


class Named:
    """Chooses parameters by their whole names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)

    def __call__(self, name: str, p: Array) -> bool:
        """Return whether it is one of them."""
        return name in self._names

    def __repr__(self) -> str:
        return f"the names {sorted(self._names)}"


def chosen(which: Which, names: Sequence[str], arrays: Sequence[Array], where: str) -> list[bool]:
    """Return for each parameter whether it is meant; raise for what means none of them.

    There can be names beyond those of the arrays, which patterns mean, and no function is asked for.
    """
    found = [False] * len(names)
    for i in _some(which, names, arrays, where, numbers_of(names)):
        found[i] = True
    return found


def numbers_of(names: Sequence[str]) -> dict[str, int]:
    """Return the number of each name."""
    return {name: i for i, name in enumerate(names)}


def still_meant(which: Which, names: Sequence[str], arrays: Sequence[Array]) -> Which | None:
    """Return the part of a list of patterns that means a parameter; None where nothing does."""
    if isinstance(which, (list, tuple)):
        return tuple([one for one in which if still_meant(one, names, arrays)]) or None
    return which if matches(which, names, arrays, "groups", numbers_of(names)) else None


def _some(
    which: Which,
    names: Sequence[str],
    arrays: Sequence[Array],
    where: str,
    numbers: Mapping[str, int],
) -> list[int]:
    """List what a pattern means, or any in a list; raise ValueError for one without a match."""
    if isinstance(which, (list, tuple)) and which:
        each = [_some(one, names, arrays, where, numbers) for one in which]
        return sorted(set().union(*each))
    found = matches(which, names, arrays, where, numbers)
    if not found:
        shown = repr(which) if isinstance(which, str) else getattr(which, "__name__", repr(which))
        known = suggest(which if isinstance(which, str) else "", names, SHOWN)
        raise ValueError(f"{where} has {shown}, which matches no parameter: {known}")
    return found


def matches(
    which: Any,
    names: Sequence[str],
    arrays: Sequence[Array],
    where: str,
    numbers: Mapping[str, int],
) -> list[int]:
    """List the numbers of the parameters that are meant; `numbers` are those of all, by name.

    A text that is the name of one means that one, whatever it would be as a pattern.
    """
    if isinstance(which, str):
        if which in numbers or not _SPECIAL.search(which):
            return [numbers[which]] if which in numbers else []
        # "*.bias" means every bias, also one that is in no layer.
        fits = [re.compile(translate(each)).match for each in {which, which.removeprefix("*.")}]
        return [i for i, name in enumerate(names) if any([fit(name) for fit in fits])]
    if isinstance(which, re.Pattern) and isinstance(which.pattern, str):
        return [i for i, name in enumerate(names) if which.fullmatch(name)]
    if callable(which):
        return [i for i, (name, p) in enumerate(zip(names, arrays, strict=False)) if which(name, p)]
    raise TypeError(
        f'{where} has {describe(which)}; it must be a pattern of names, such as "*.bias", a '
        "re.compile(...) of whole names, a function of name and array that says whether it is meant, "
        "or a tuple of these"
    )


def split(
    places: Places, group_of: Sequence[int], groups: Any
) -> tuple[list[int], list[tuple[int, dict[str, Any]]]]:
    """Divide groups by ``groups=``; ValueError for what is meant for later places of tied arrays alone.

    Gives back the new group of each parameter, and for each of them the old one that it is part of, and
    the options from all patterns that match; of two that say the same, the later one holds.
    """
    if not isinstance(groups, Mapping):
        raise TypeError(
            f'groups is {describe(groups)}; it must be like {{"*.bias": {{"weight_decay": 0}}}}'
        )
    names, arrays = places.names, places.arrays
    matching: list[list[int]] = [[] for _ in names]
    numbers = numbers_of(names)
    options: list[dict[str, Any]] = []
    for k, (which, given) in enumerate(groups.items()):
        if not isinstance(given, Mapping):
            raise TypeError(f"groups[{which!r}] is {describe(given)}; it must be a dict of options")
        options.append(dict(given))
        for i in _some(which, names, arrays, "groups", numbers):
            matching[i].append(k)
    check_patterns(places, matching, list(groups))
    keys = list(zip(group_of, map(tuple, places.of_parameters(matching)), strict=True))
    distinct = sorted(set(keys))
    found = []
    for old, patterns in distinct:
        merged: dict[str, Any] = {}
        for k in patterns:
            merged = combined(merged, options[k])
        found.append((old, merged))
    place = {key: i for i, key in enumerate(distinct)}
    return [place[key] for key in keys], found


def combined(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put options on others; factors of different hyperparameters go together."""
    ours, theirs = before.get("multiply"), given.get("multiply")
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return {**before, **given, "multiply": {**ours, **theirs}}
    return {**before, **given}
