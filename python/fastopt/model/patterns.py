"""Groups by name: patterns and predicates that choose parameters, and what is usually said by them."""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from glob import escape
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from fastopt.algorithm import NOT_NEGATIVE
from fastopt.runtime import describe, suggest

Array = NDArray[Any]
Which = str | Callable[[str, Array], bool]
SHOWN = 20  # names in a message
_SPECIAL = re.compile(r"[*?[]")  # what a pattern is, and no name


def is_bias_or_norm(name: str, p: Array) -> bool:
    """Return whether a parameter has at most one dimension, as biases and scales of norms have."""
    return p.ndim <= 1


no_decay: Mapping[Which, Mapping[str, Any]] = MappingProxyType({is_bias_or_norm: {"weight_decay": 0.0}})
"""For ``groups=``: no weight decay on biases and norms."""


def layer_decay(layers: Sequence[str], rate: float) -> dict[Which, dict[str, Any]]:
    """Return ``groups=`` in which the learning rate falls from each layer to the one before it.

    The last of the `layers`, patterns of parameter names from the input to the output, has the whole
    learning rate, the one before it `rate` times as much, and so on:
    ``layer_decay(["embed.*", "blocks.0.*", "blocks.1.*", "head.*"], 0.75)``. What several of them mean
    has the rate of the last.

    Raises TypeError or ValueError for layers that are no list of different patterns, and a rate that is
    no number >= 0.
    """
    if isinstance(layers, str) or not all(isinstance(layer, str) for layer in layers):
        raise TypeError(
            f"layers is {describe(layers)}; it must be a list of patterns of names, such as "
            '["embed.*", "head.*"]'
        )
    if len(set(layers)) != len(layers):
        raise ValueError("layers has a pattern twice; each has one place in the order")
    factor = NOT_NEGATIVE.check(rate, "rate")
    last = len(layers) - 1
    return {layer: {"multiply": {"lr": factor ** (last - i)}} for i, layer in enumerate(layers)}


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
    """Return for each parameter whether it is meant; raise for what means none of them."""
    found = [False] * len(names)
    for i in _some(which, names, arrays, where):
        found[i] = True
    return found


def matches(
    which: Which,
    names: Sequence[str],
    arrays: Sequence[Array],
    where: str,
    numbers: Mapping[str, int] | None = None,
) -> list[int]:
    """List the numbers of the parameters that are meant; `numbers` are those of all, by name."""
    if isinstance(which, str):
        # "*.bias" means every bias, also one that is in no layer.
        patterns = {which, which.removeprefix("*.")}
        if numbers is not None and not _SPECIAL.search(which):
            return [numbers[which]] if which in numbers else []
        fits = [re.compile(translate(each)).match for each in patterns]
        return [i for i, name in enumerate(names) if any([fit(name) for fit in fits])]
    if callable(which):
        return [i for i, (name, p) in enumerate(zip(names, arrays, strict=True)) if which(name, p)]
    raise TypeError(
        f'{where} has {describe(which)}; it must be a pattern of names, such as "*.bias", or a '
        "function of name and array that says whether it is meant"
    )


def _some(
    which: Which,
    names: Sequence[str],
    arrays: Sequence[Array],
    where: str,
    numbers: Mapping[str, int] | None = None,
) -> list[int]:
    """List what `matches` does; raise ValueError where that is nothing."""
    found = matches(which, names, arrays, where, numbers)
    if not found:
        shown = repr(which) if isinstance(which, str) else getattr(which, "__name__", repr(which))
        known = suggest(which if isinstance(which, str) else "", names, SHOWN)
        if which in names:  # and yet matches nothing
            known = f"in a pattern, brackets mean one of the characters in them: {escape(str(which))!r}"
        raise ValueError(f"{where} has {shown}, which matches no parameter: {known}")
    return found


def split(
    names: Sequence[str], arrays: Sequence[Array], group_of: Sequence[int], groups: Any
) -> tuple[list[int], list[tuple[int, dict[str, Any]]]]:
    """Divide groups by ``groups=``.

    Gives back the new group of each parameter, and for each of them the old one that it is part of, and
    the options from all patterns that match; of two that say the same, the later one holds.
    """
    if not isinstance(groups, Mapping):
        raise TypeError(
            f'groups is {describe(groups)}; it must be like {{"*.bias": {{"weight_decay": 0}}}}'
        )
    matching: list[list[int]] = [[] for _ in names]
    numbers = {name: i for i, name in enumerate(names)}
    options: list[dict[str, Any]] = []
    for k, (which, given) in enumerate(groups.items()):
        if not isinstance(given, Mapping):
            raise TypeError(f"groups[{which!r}] is {describe(given)}; it must be a dict of options")
        options.append(dict(given))
        for i in _some(which, names, arrays, "groups", numbers):
            matching[i].append(k)
    keys = list(zip(group_of, map(tuple, matching), strict=True))
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
