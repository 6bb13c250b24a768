"""The structure of a model: arrays in lists, tuples and dicts, nested as you like.

A structure is read off the parameters once. After that it lists the leaves of any container that is
built alike, the gradients above all.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from fastopt.arrays.containers import Container, Node, Path, node_of
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
    form : object
        The same for the extension, which lists the leaves of plain containers by itself.
    """

    def __init__(self, tree: Any) -> None:
        self._root = root = node_of(tree)
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
