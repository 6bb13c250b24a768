"""Containers that show what an optimizer has: a change of one is an error with a remedy."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, NoReturn

from fastopt.arrays import jax_trees
from fastopt.arrays.records import entries, is_container, is_record, record_of, spelled

About = tuple[Any, ...]  # a remedy, an expression, and the keys behind it: ("", "opt.state", "w")


def expression(place: Iterable[Any]) -> str:
    """Spell an expression and the keys behind it: ``opt.state['w']``."""
    first, *keys = place
    return reduce(spelled, keys, str(first))


def write_into(tree: Any, *place: Any) -> str:
    """Spell the remedy for a container of arrays: to write into the first of them."""
    while is_container(tree):
        parts = entries(tree)
        if not parts:
            return f"{expression(place)} has no arrays"
        key, tree = next(iter(parts.items()))
        place = (*place, key)
    return f"write into the array, {expression(place)}[...] = x"


class _ReadOnly:
    """The base of both kinds: where they were read, and the remedy; none where they hold arrays."""

    __slots__ = ()
    _about: About

    def _refuse(self, *args: Any, **keywords: Any) -> NoReturn:
        remedy, *place = self._about
        if not remedy:
            key = args[0] if args and isinstance(args[0], (str, int)) else None
            try:  # what was meant, if it is there
                remedy = write_into(self[key], *place, key)  # type: ignore[index]
            except (LookupError, TypeError):
                remedy = write_into(self, *place)
        raise TypeError(f"{expression(place)} can only be read: {remedy}")


class ReadOnlyDict(_ReadOnly, dict[Any, Any]):
    """A dict without its mutators; copies of it, shallow, deep or serialized, are plain dicts.

    ``d[key] *= 2`` ends with the assignment of what is there already, which is let through.
    """

    __slots__ = ("_about",)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key not in self or self[key] is not value:
            self._refuse(key)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(self),)


class ReadOnlyList(_ReadOnly, list[Any]):
    """A list without its mutators, likewise."""

    __slots__ = ("_about",)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self[key] is not value:  # of a slice it never is
            self._refuse(key)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (list(self),)


_MUTATORS = {
    ReadOnlyDict: "__delitem__ __ior__ clear pop popitem setdefault update",
    ReadOnlyList: "__delitem__ __iadd__ __imul__ append clear extend insert pop remove reverse sort",
}
for _kind, _names in _MUTATORS.items():
    for _name in _names.split():
        setattr(_kind, _name, _ReadOnly._refuse)


def read_only_dict(items: Mapping[Any, Any], remedy: str, *place: Any) -> ReadOnlyDict:
    """Make a dict that was read at a place."""
    jax_trees.register(ReadOnlyDict, dict)
    found = ReadOnlyDict(items)
    found._about = remedy, *place
    return found


def read_only_list(items: Iterable[Any], remedy: str, *place: Any) -> ReadOnlyList:
    """Make a list that was read at a place."""
    jax_trees.register(ReadOnlyList, list)
    found = ReadOnlyList(items)
    found._about = remedy, *place
    return found


def read_only(tree: Any, *place: Any) -> Any:
    """Make a container of arrays, nested as it may be, one that only shows them.

    Records keep their types.
    """
    if is_record(tree):
        fields = {key: read_only(child, *place, key) for key, child in entries(tree).items()}
        return record_of(type(tree), fields)
    if isinstance(tree, dict):
        items = {key: read_only(child, *place, key) for key, child in tree.items()}
        return read_only_dict(items, "", *place)
    if isinstance(tree, (list, tuple)):
        children = [read_only(child, *place, k) for k, child in enumerate(tree)]
        return tuple(children) if isinstance(tree, tuple) else read_only_list(children, "", *place)
    return tree


class _StatesOfOne(ReadOnlyDict):
    """The states of one parameter; no tuple for each, since users read ``opt.state`` in loops."""

    __slots__ = ("_parameter",)
    _parameter: str

    @property
    def _about(self) -> About:  # type: ignore[override]
        return "", "opt.state", self._parameter


def read_only_states(names: Iterable[str], states: Iterable[Mapping[str, Any]]) -> ReadOnlyDict:
    """Make ``opt.state`` of views."""
    jax_trees.register(_StatesOfOne, dict)
    found = {}
    for name, arrays in zip(names, states, strict=True):
        shown = _StatesOfOne(arrays)
        shown._parameter = name
        found[name] = shown
    return read_only_dict(found, "", "opt.state")
