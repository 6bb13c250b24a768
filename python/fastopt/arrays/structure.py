"""The structure of a model: arrays in containers, nested as you like.

A structure is read off the parameters once. After that it lists the leaves of any container that is
built alike, the gradients above all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastopt.arrays.containers import (
    LEAF,
    NOTHING,
    Container,
    MappingNode,
    Node,
    Path,
    RecordNode,
    SequenceNode,
)
from fastopt.arrays.records import entries, is_container, is_record, spelled
from fastopt.runtime import native, shown

__all__ = ["Path", "Structure", "node_of"]

SHOWN = 6  # fields in a message
DEEPEST = 100  # levels of containers, well within what the interpreter can recurse


class Structure:
    """The structure of a container.

    Attributes
    ----------
    leaves : function of (container, what, remedy)
        Lists the leaves of a container that is built alike. Messages call it `what`, and end with the
        remedy.
    mutable : bool
        Whether a leaf can be replaced behind our back.
    form : object
        The same for the extension, which lists the leaves of plain containers by itself.
    """

    def __init__(self, tree: Any) -> None:
        self._root = root = node_of(tree, "params")
        self.leaves: Callable[[Any, str, str], Sequence[Any]]
        if native and not root.is_flat:
            self.leaves = partial(_by_extension, native.leaves, root)
        elif isinstance(root, Container) and root.is_flat:
            self.leaves = root.parts
        else:
            self.leaves = root.leaves
        self.mutable, self.form = root.mutable, root.form

    def paths(self) -> list[Path]:
        """List the keys and indices that lead to each leaf."""
        return self._root.paths()

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into containers that are built alike."""
        return self._root.tree(leaves)


def _by_extension(listing: Any, root: Node, tree: Any, what: str, remedy: str) -> Sequence[Any]:
    """List the leaves of nested containers: in Python each of them costs a call.

    What is not built alike is left to the walk that says what is wrong.
    """
    found: list[Any] | None = listing(root.form, tree)
    return root.leaves(tree, what, remedy) if found is None else found


def node_of(
    tree: Any, what: str = "params", depth: int = 0, known: dict[Any, Node] | None = None
) -> Node:
    """Read off how a container of parameters is built; containers that are built alike are one node."""
    if tree is None:
        return NOTHING
    if not is_container(tree):
        return LEAF
    if depth == DEEPEST:
        raise ValueError(
            f"the parameters are nested more than {DEEPEST} deep, or a container contains itself: give "
            "the arrays in a flat list or dict"
        )
    known = {} if known is None else known
    parts = entries(tree)
    # No call for each array: there may be thousands.
    children = tuple(
        [
            LEAF if type(part) is np.ndarray else node_of(part, spelled(what, key), depth + 1, known)
            for key, part in parts.items()
        ]
    )
    kind: type[Container] = SequenceNode
    if is_record(tree):
        kind = RecordNode
        _check_fields(tree, parts, children, what)
    elif isinstance(tree, dict):
        kind = MappingNode
    keys = range(len(parts)) if kind is SequenceNode else tuple(parts)
    which = type(tree), children, keys, tuple(map(type, keys))  # 1 and True are the same key
    if which not in known:
        known[which] = kind(type(tree), keys, children)
    return known[which]


def _check_fields(tree: Any, parts: Mapping[Any, Any], children: Sequence[Node], what: str) -> None:
    """Raise TypeError for a field of a dataclass that has something else than arrays."""
    if isinstance(tree, tuple):
        return
    good = [isinstance(part, np.ndarray) or hasattr(type(part), "__array__") for part in parts.values()]
    for (key, part), child, is_array in zip(parts.items(), children, good, strict=True):
        if child is LEAF and not is_array:
            arrays = [name for name, has in zip(parts, good, strict=True) if has]
            line = ", ".join(f"{str(name)!r}: {spelled(what, name)}" for name in arrays[:SHOWN])
            raise TypeError(
                f"{spelled(what, key)} is {shown(part)}; the fields of a dataclass of parameters are "
                f"arrays, containers of arrays, or None: give those alone, {{{line}}}"
            )
