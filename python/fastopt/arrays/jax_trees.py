"""Read-only containers as trees of JAX, which knows a container by its exact type alone."""

import sys
from typing import Any

_registered: set[type] = set()


def register(kind: type, plain: type) -> None:
    """Make JAX, once it has been imported, look into a kind of dict or list as into the plain one.

    What it maps over such a container is a plain one.
    """
    trees = getattr(sys.modules.get("jax"), "tree_util", None)
    if trees is None or kind in _registered:
        return
    _registered.add(kind)
    if plain is dict:
        trees.register_pytree_with_keys(kind, _entries, _dict)
    else:
        trees.register_pytree_with_keys(kind, _items, _list)


def _entries(found: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], Any]:
    from jax.tree_util import DictKey

    keys = sorted(found)
    return [(DictKey(key), found[key]) for key in keys], tuple(keys)


def _dict(keys: Any, children: Any) -> dict[Any, Any]:
    return dict(zip(keys, children, strict=True))


def _items(found: list[Any]) -> tuple[list[tuple[Any, Any]], Any]:
    from jax.tree_util import SequenceKey

    return [(SequenceKey(i), item) for i, item in enumerate(found)], None


def _list(_: Any, children: Any) -> list[Any]:
    return list(children)
