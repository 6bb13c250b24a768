"""Containers nested at random: the extension lists the leaves that the walk in Python lists."""

import random
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from fastopt.arrays.records import entry
from fastopt.arrays.structure import Structure, node_of

KEYS = ["w", "b", "c", 1, True, (2, 3)]


class Layer(NamedTuple):
    w: Any
    b: Any


class Backwards(list[Any]):
    """Is read from its end."""

    def __iter__(self) -> Any:
        return reversed(self)


class Trees:
    """Containers drawn at random."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def params(self, depth: int) -> Any:
        """Nest containers down to a depth."""
        if depth == 0 or self.draw.random() < 0.2:
            return np.zeros(1)
        kind: Any = self.draw.choice([list, tuple, dict, OrderedDict, Layer, "alike"])
        count = self.draw.choice([0, 1, 2, 2, 3])
        if kind == "alike":
            layer = self.params(depth - 1)
            return [self.grads(layer, 0.0) for _ in range(count)]
        if kind is Layer:
            return Layer(self.params(depth - 1), self.params(depth - 1))
        if kind in (dict, OrderedDict):
            keys = self.draw.sample(KEYS, count)
            return kind((key, self.params(depth - 1)) for key in keys)
        return kind(self.params(depth - 1) for _ in range(count))

    def grads(self, tree: Any, faulty: float) -> Any:
        """Build a container like another one, with faults in some places."""
        if self.draw.random() < faulty:
            return self.draw.choice([None, [], {}, 5, "wb", np.zeros((2, 1)), (np.zeros(1),), {"w": 1}])
        kinds: list[Callable[[Any], Any]]
        if isinstance(tree, dict):
            items = [(key, self.grads(child, faulty)) for key, child in tree.items()]
            self.draw.shuffle(items)
            if self.draw.random() < faulty:
                items = [*items[1:], *self.draw.choice([[], [("new", np.zeros(1))]])]
            kinds = [dict, dict, OrderedDict]
            kinds += [lambda each: defaultdict(list, each), lambda each: MappingProxyType(dict(each))]
            return self.draw.choice(kinds)(items)
        if isinstance(tree, (list, tuple)):
            children = [self.grads(child, faulty) for child in tree]
            if self.draw.random() < faulty:
                children = self.draw.choice([children[1:], [*children, np.zeros(1)]])
            kinds = [list, list, tuple, lambda each: Backwards(each[::-1])]
            return self.draw.choice(kinds)(children)
        return np.zeros(1)


def outcome(leaves: Callable[[Any, str, str], Any], tree: Any) -> Any:
    try:
        return list(map(id, leaves(tree, "grads", "do this")))
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("seed", range(25))
def test_both_ways_find_the_same_leaves_and_faults(seed: int) -> None:
    trees = Trees(seed)
    found = []
    for depth in (1, 2, 3, 4) * 15:
        params = trees.params(depth)
        structure, walk = Structure(params), node_of(params)
        for faulty in (0.0, 0.05, 0.3):
            grads = trees.grads(params, faulty)
            found.append(outcome(structure.leaves, grads))
            assert found[-1] == outcome(walk.leaves, grads)
            assert faulty or isinstance(found[-1], list)
    assert {list, tuple} == set(map(type, found))


@pytest.mark.parametrize("seed", range(20))
def test_paths_lead_to_the_leaves(seed: int) -> None:
    params = Trees(seed).params(4)
    structure = Structure(params)
    leaves = structure.leaves(params, "params", "")
    again = structure.tree(iter(leaves))
    assert list(map(id, structure.leaves(again, "params", ""))) == list(map(id, leaves))
    for path, leaf in zip(structure.paths(), leaves, strict=True):
        found = again
        for key in path:
            found = entry(found, key)
        assert found is leaf


def test_keys_that_compare_equal_keep_their_own_names() -> None:
    paths = Structure([{1: 0, 2: 0}, {True: 0, 2: 0}]).paths()
    assert [str(key) for _, key in paths] == ["1", "2", "True", "2"]


def test_a_comparison_of_keys_may_change_the_containers() -> None:
    """A list that is shorter then is not read on."""

    class Key:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            grads.clear()
            return type(other) is Key

    structure = Structure([{Key(): np.zeros(1)}, [np.zeros(1)]])
    grads: list[Any] = [{Key(): np.zeros(1)}, [np.zeros(1)]]
    with pytest.raises(ValueError, match="grads has 0 entries; there must be 2"):
        structure.leaves(grads, "grads", "")
