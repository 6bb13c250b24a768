"""The structure of a model: arrays in lists, tuples and dicts, nested as you like.

A structure is read off the parameters once. After that it lists the leaves of any container that is
built alike, the gradients above all; for flat containers without a look at the single leaf.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

Path = tuple[Any, ...]

DEEPEST = 100  # levels of containers, well within what the interpreter can recurse


class Structure:
    """A single array; the other structures are made of structures."""

    mutable = False  # whether a leaf can be replaced behind our back

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves of a container with this structure.

        Messages call the container `what`, and end with the remedy.
        """
        return (tree,)

    def paths(self) -> Iterator[Path]:
        """Give the keys and indices that lead to each leaf."""
        yield ()

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into containers of this structure."""
        return next(leaves)

    @staticmethod
    def of(tree: Any) -> "Structure":
        """Read the structure off a container."""
        return _structure_of(tree, 0)


def _structure_of(tree: Any, depth: int) -> Structure:
    if not isinstance(tree, (dict, list, tuple)):
        return Structure()
    if depth == DEEPEST:
        raise ValueError(
            f"the parameters are nested more than {DEEPEST} deep, or a container contains itself: give "
            "the arrays in a flat list or dict"
        )
    if isinstance(tree, dict):
        return MappingStructure({key: _structure_of(child, depth + 1) for key, child in tree.items()})
    return SequenceStructure([_structure_of(child, depth + 1) for child in tree], type(tree))


class SequenceStructure(Structure):
    """A list or tuple; gradients may come as either."""

    def __init__(self, children: list[Structure], kind: type) -> None:
        self._children = children
        self._is_tuple = issubclass(kind, tuple)
        self._count = sum(1 for _ in self.paths())
        self._flat = all(type(child) is Structure for child in children)
        self.mutable = not issubclass(kind, tuple) or any(child.mutable for child in children)

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves in order."""
        children = self._children
        if tree is None:
            return (None,) * self._count
        if not isinstance(tree, (list, tuple)):
            raise TypeError(
                f"{what} is of type {type(tree).__name__}; it must be a list or tuple of "
                f"{len(children)}, as the parameters were given; {remedy}"
            )
        parts = tuple(tree)  # of our own: another thread may change the list during the step
        if len(parts) != len(children):
            raise ValueError(
                f"{what} has {len(parts)} entries; there must be {len(children)}, one for each "
                f"parameter; {remedy}"
            )
        if self._flat:
            return parts
        leaves: list[Any] = []
        for i, (child, part) in enumerate(zip(children, parts, strict=True)):
            leaves.extend(child.leaves(part, f"{what}[{i}]", remedy))
        return leaves

    def paths(self) -> Iterator[Path]:
        """Give the path of each leaf in order."""
        for i, child in enumerate(self._children):
            yield from ((i, *path) for path in child.paths())

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into a list, or into a tuple if it was one."""
        children = [child.tree(leaves) for child in self._children]
        return tuple(children) if self._is_tuple else children


class MappingStructure(Structure):
    """A dict; the order of the keys is that of the parameters."""

    mutable = True

    def __init__(self, children: dict[Any, Structure]) -> None:
        self._children = children
        self._count = sum(1 for _ in self.paths())
        self._flat = len(children) > 1 and all(type(c) is Structure for c in children.values())
        self._pick = itemgetter(*children) if children else lambda _: ()

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves in order."""
        children = self._children
        if tree is None:
            return (None,) * self._count
        if not isinstance(tree, Mapping):
            raise TypeError(
                f"{what} is of type {type(tree).__name__}; it must be a dict with the keys of the "
                f"parameters ({_listed(children)}); {remedy}"
            )
        # A defaultdict would make entries of its own for keys that it has not.
        if len(tree) == len(children) and (type(tree) is dict or tree.keys() == children.keys()):
            try:
                if self._flat:
                    leaves: Sequence[Any] = self._pick(tree)
                    return leaves
                nested: list[Any] = []
                for key, child in children.items():
                    nested.extend(child.leaves(tree[key], f"{what}[{key!r}]", remedy))
                return nested
            except KeyError:
                pass
        missing = [key for key in children if key not in tree]
        extra = [key for key in tree if key not in children]
        raise ValueError(
            f"{what} must have the keys of the parameters"
            + (f"; missing: {_listed(missing)}" if missing else "")
            + (f"; unknown: {_listed(extra)}" if extra else "")
            + f"; {remedy}"
        )

    def paths(self) -> Iterator[Path]:
        """Give the path of each leaf in order."""
        for key, child in self._children.items():
            yield from ((key, *path) for path in child.paths())

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into a dict."""
        return {key: child.tree(leaves) for key, child in self._children.items()}


def _listed(keys: Any) -> str:
    shown = [repr(key) for key in list(keys)[:6]]
    return ", ".join(shown) + (", ..." if len(keys) > 6 else "")
