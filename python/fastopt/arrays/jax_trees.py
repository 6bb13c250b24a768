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

    def items(found: list[Any]) -> tuple[list[tuple[Any, Any]], None]:
        return [(trees.SequenceKey(i), item) for i, item in enumerate(found)], None

    def entries(found: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        keys = tuple(sorted(found))
        return [(trees.DictKey(key), found[key]) for key in keys], keys

    def dict_of(keys: Any, children: Any) -> dict[Any, Any]:
        return dict(zip(keys, children, strict=True))

    if plain is list:
        trees.register_pytree_with_keys(kind, items, lambda _, children: list(children))
    else:
        trees.register_pytree_with_keys(kind, entries, dict_of)
