"""The structure of a model: arrays in lists, tuples and dicts, nested as you like.

A structure is read off the parameters once. After that it lists the leaves of any container that is
built alike, the gradients above all.
"""

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from fastopt.arrays.containers import Node, Path, node_of
from fastopt.runtime import native

__all__ = ["Path", "Structure"]


class Structure:
    """The structure of a container.

    Attributes
    ----------
    leaves : function of (container, what, remedy)
        Lists the leaves of a container that is built alike. Messages call it `what`, and end with the
        remedy.
    mutable : bool
        Whether a leaf can be replaced behind our back.
    """

    def __init__(self, tree: Any) -> None:
        self._root = root = node_of(tree)
        self.leaves: Callable[[Any, str, str], Sequence[Any]]
        self.leaves = root.leaves if root.is_flat or not native else _Nested(root, native).leaves
        self.mutable = root.mutable

    @classmethod
    def of(cls, tree: Any) -> "Structure":
        """Read the structure off a container."""
        return cls(tree)

    def paths(self) -> list[Path]:
        """List the keys and indices that lead to each leaf."""
        return self._root.paths()

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into containers that are built alike."""
        return self._root.tree(leaves)


class _Nested:
    """Nested containers, whose leaves the extension lists: in Python each container costs a call."""

    def __init__(self, root: Node, extension: ModuleType) -> None:
        self._root, self._list = root, extension.leaves

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves; what is not built alike is left to the walk that says what is wrong."""
        found: list[Any] | None = self._list(self._root.form, tree)
        return self._root.leaves(tree, what, remedy) if found is None else found
