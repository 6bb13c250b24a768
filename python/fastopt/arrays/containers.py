"""Containers of arrays: how each is built, and what is wrong with one built otherwise."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from fastopt.arrays.records import fields_of, is_record, record_of, spelled

Path = tuple[Any, ...]

UNLISTED = {object(): None}  # the form of no container: the extension leaves it to Python


class Node:
    """A single array; the containers are made of nodes."""

    count = 1  # of leaves
    is_flat = True  # all its children are leaves
    mutable = False  # whether a leaf can be replaced behind our back
    form: Any = None  # the same for the extension: csrc/python/leaves.hpp

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves of a container that is built alike; see `Structure.leaves`."""
        return (tree,)

    def paths(self) -> list[Path]:
        """List the keys and indices that lead to each leaf."""
        return [()]

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into a container that is built alike."""
        return next(leaves)


LEAF = Node()


class NothingNode(Node):
    """A None in place of a parameter."""

    count = 0
    form = ()

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List nothing; raise TypeError where there is something."""
        if tree is None or (isinstance(tree, (Mapping, list, tuple)) and not tree):
            return ()
        raise TypeError(
            f"{what} is of type {type(tree).__name__}, where the parameters had None when the "
            "optimizer was made: give None there, or make a new optimizer"
        )

    def paths(self) -> list[Path]:
        """List nothing."""
        return []

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Return None, as it was."""
        return None


NOTHING = NothingNode()


class Container(Node):
    """A container: its keys or indices, and its children in the same order."""

    def __init__(self, kind: type, keys: Sequence[Any], children: Sequence[Node]) -> None:
        self._kind, self._keys, self._children = kind, keys, children
        self.is_flat = all([child is LEAF for child in children])
        self.count = sum([child.count for child in children])

    def parts(self, tree: Any, what: str, remedy: str) -> tuple[Any, ...]:
        """List what a container that is built alike has in place of each child."""
        raise NotImplementedError  # pragma: no cover - each kind has its own

    def leaves(self, tree: Any, what: str, remedy: str) -> Sequence[Any]:
        """List the leaves; where there is no container, None for each."""
        if tree is None:
            return (None,) * self.count
        parts = self.parts(tree, what, remedy)
        if self.is_flat:
            return parts
        found: list[Any] = []
        for key, child, part in zip(self._keys, self._children, parts, strict=True):
            found.extend(child.leaves(part, spelled(what, key), remedy))
        return found

    def paths(self) -> list[Path]:
        """List the path of each leaf in order."""
        if self.is_flat:
            return [(key,) for key in self._keys]
        children = zip(self._keys, self._children, strict=True)
        return [(key, *path) for key, child in children for path in child.paths()]

    def _trees(self, leaves: Iterator[Any]) -> Iterable[Any]:
        if self.is_flat:
            return islice(leaves, self.count)
        return [child.tree(leaves) for child in self._children]


class SequenceNode(Container):
    """A list or tuple; gradients may come as either."""

    def __init__(self, kind: type, keys: Sequence[Any], children: Sequence[Node]) -> None:
        super().__init__(kind, keys, children)
        self.mutable = not issubclass(kind, tuple) or any(child.mutable for child in children)
        self.form = tuple([child.form for child in children])

    def parts(self, tree: Any, what: str, remedy: str) -> tuple[Any, ...]:
        """List the entries."""
        return _parts(tree, len(self._children), what, remedy)

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into a list, or into a tuple if it was one."""
        trees = self._trees(leaves)
        return tuple(trees) if issubclass(self._kind, tuple) else list(trees)


class MappingNode(Container):
    """A dict; the order of the keys is that of the parameters."""

    mutable = True

    def __init__(self, kind: type, keys: Sequence[Any], children: Sequence[Node]) -> None:
        super().__init__(kind, keys, children)
        self.form = self._known = {key: child.form for key, child in zip(keys, children, strict=True)}
        self._pick = _picking(*keys)

    def parts(self, tree: Any, what: str, remedy: str) -> tuple[Any, ...]:
        """List the values in the order of the keys."""
        known = self._known.keys()
        if not isinstance(tree, Mapping):
            if tree is None:
                return (None,) * len(known)
            raise TypeError(
                f"{what} is of type {type(tree).__name__}; it must be {self._needed()} of the "
                f"parameters ({_listed(known)}); {remedy}"
            )
        # A defaultdict would make entries of its own for keys that it has not.
        if len(tree) == len(known) and (type(tree) is dict or tree.keys() == known):
            try:
                return self._pick(tree)
            except KeyError:
                pass
        missing = [key for key in known if key not in tree]
        extra = [key for key in tree if key not in known]
        raise ValueError(
            f"{what} must have the keys of the parameters"
            + (f"; missing: {_listed(missing)}" if missing else "")
            + (f"; unknown: {_listed(extra)}" if extra else "")
            + f"; {remedy}"
        )

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into a dict."""
        return dict(zip(self._keys, self._trees(leaves), strict=True))

    def _needed(self) -> str:
        return "a dict with the keys"


class RecordNode(MappingNode):
    """A NamedTuple or a dataclass; gradients may come in any with the same fields, or in a dict.

    Those of a NamedTuple may also come in a list or tuple.
    """

    def __init__(self, kind: type, keys: Sequence[Any], children: Sequence[Node]) -> None:
        super().__init__(kind, keys, children)
        self.form = UNLISTED
        self._is_tuple = issubclass(kind, tuple)
        self.mutable = not self._is_tuple or any(child.mutable for child in children)

    def parts(self, tree: Any, what: str, remedy: str) -> tuple[Any, ...]:
        """List the values of the fields."""
        if is_record(tree):
            tree = fields_of(tree)
        elif self._is_tuple and isinstance(tree, (list, tuple)):
            return _parts(tree, len(self._children), what, remedy)
        return super().parts(tree, what, remedy)

    def tree(self, leaves: Iterator[Any]) -> Any:
        """Put leaves into one of the same type."""
        return record_of(self._kind, super().tree(leaves))

    def _needed(self) -> str:
        return f"a {self._kind.__name__}, or a dict with the fields"


def _picking(*keys: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Make what reads the values of a mapping into a tuple."""
    if len(keys) > 1:
        return itemgetter(*keys)
    if not keys:
        return lambda _: ()
    (only,) = keys
    return lambda tree: (tree[only],)


def _listed(keys: Any) -> str:
    shown = [repr(key) for key in list(keys)[:6]]
    return ", ".join(shown) + (", ..." if len(keys) > 6 else "")


def _parts(tree: Any, needed: int, what: str, remedy: str) -> tuple[Any, ...]:
    """List the entries of a list or tuple of so many."""
    if not isinstance(tree, (list, tuple)):
        if tree is None:
            return (None,) * needed
        raise TypeError(
            f"{what} is of type {type(tree).__name__}; it must be a list or tuple of "
            f"{needed}, as the parameters were given; {remedy}"
        )
    parts = tuple(tree)  # of our own: another thread may change the list during the step
    if len(parts) != needed:
        raise ValueError(
            f"{what} has {len(parts)} entries; there must be {needed}, one for each parameter; {remedy}"
        )
    return parts
