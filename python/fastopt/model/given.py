"""Parameters as they are given: iterators and pairs of names and arrays become lists and dicts."""

from array import array
from collections.abc import ItemsView, Iterable, Mapping, Set
from ctypes import Array as CArray
from typing import Any

from fastopt.arrays import check_kind, is_arraylike, is_container

NO_ITERATORS = (str, bytes, bytearray, memoryview, array, CArray, Mapping)


def taken(params: Any) -> Any:
    """Return the container of the parameters: what was given, or one in its place.

    An iterator becomes a list, pairs of names and arrays a dict; so does each in the groups of a list.
    """
    params = _container(params, "params")
    if not (isinstance(params, (list, tuple)) and any(map(is_group, params))):
        return params
    groups, place = [], "params[{}]['params']".format
    for i, group in enumerate(params):
        inner = _container(group["params"], place(i)) if is_group(group) else None
        groups.append(
            group if inner is None or inner is group["params"] else {**group, "params": inner}
        )
    return params if all(a is b for a, b in zip(groups, params, strict=True)) else groups


def is_group(entry: Any) -> bool:
    """Return whether an entry of a list is a group of parameters."""
    return isinstance(entry, dict) and "params" in entry


def _container(tree: Any, what: str) -> Any:
    if _is_iterator(tree):
        tree = list(_arrays(tree))
    return named(tree, what) if isinstance(tree, (list, tuple)) and are_pairs(tree) else tree


def _is_iterator(tree: Any) -> bool:
    """Return whether arrays are to be taken out of it one by one, in an order that means something."""
    if is_container(tree) or not isinstance(tree, Iterable) or isinstance(tree, NO_ITERATORS):
        return False
    ordered = isinstance(tree, ItemsView) or not isinstance(tree, Set)
    return ordered and not (is_arraylike(tree) or hasattr(type(tree), "shape"))


def _arrays(tree: Iterable[Any]) -> Iterable[Any]:
    """Yield what an iterator gives, which may never end, up to what is no array."""
    for i, each in enumerate(tree):
        if not (each is None or is_container(each)):
            check_kind(each, f"parameter '{i}'")
        yield each


def are_pairs(tree: Any) -> bool:
    """Return whether all entries are pairs of a name and something."""
    pairs = [type(each) is tuple and len(each) == 2 and isinstance(each[0], str) for each in tree]
    return any(pairs) and all(pairs)


def named(pairs: Any, what: str) -> dict[str, Any]:
    """Make a dict of pairs; raise ValueError for a name that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{what} has two arrays of the name {twice!r}; rename one of them")
    return found
