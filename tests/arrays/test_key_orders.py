"""Gradients in dicts whose keys stand in another order than the parameters': each finds its own."""

from collections.abc import Iterator, Mapping
from itertools import islice, permutations, product
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import fastopt
from arrays.test_structure import CONTAINERS, bits, counter, gradients

MOST = 150  # orders of one container

# Dicts at each depth, with more than one key, beside what is in test_structure.
DEEP: dict[str, Any] = {
    "outer of two": lambda f: {"a": {"w": f(), "b": f()}, "c": {"w": f(), "b": f(), "x": f()}},
    "outer of lists": lambda f: {"a": [f(), f()], "b": f(), "c": (f(), f())},
    "three deep": lambda f: {"e": {"s": {"w": f(), "b": f()}, "t": f()}, "d": {"w": f(), "b": f()}},
    "dicts in lists in dicts": lambda f: {
        "a": [{"w": f(), "b": f()}, f()],
        "b": ({"x": f(), "y": f()},),
    },
    "integer keys": lambda f: {1: {0: f(), 1: f()}, 0: {1: f(), 0: f()}, 2: f()},
}


def orders(tree: Any) -> Iterator[Any]:
    """Make the tree with the keys of all of its dicts in each order."""
    if isinstance(tree, dict):
        for keys in permutations(tree):
            for children in product(*[list(orders(tree[key])) for key in keys]):
                yield dict(zip(keys, children, strict=True))
    elif isinstance(tree, (list, tuple)):
        yield from map(type(tree), product(*[list(orders(child)) for child in tree]))
    else:
        yield tree


def as_mappings(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return MappingProxyType({key: as_mappings(child) for key, child in tree.items()})
    return type(tree)(map(as_mappings, tree)) if isinstance(tree, (list, tuple)) else tree


def check(params: Any, given: Any) -> None:
    """Step with gradients in each order; the first is the parameters' own."""
    opt = fastopt.SGD(params, lr=1.0, momentum=0.5)
    start, state = opt.params, opt.state_dict()
    first = [np.copy(p) for p in opt._core.bound.parameters.arrays]
    wanted: Any = None
    count = 0
    for grads in islice(orders(given), MOST):
        for each in (grads, as_mappings(grads)):
            opt.step(each)
            found = bits(start, opt.state)
            wanted = wanted or found
            assert found == wanted, each
            opt.load_state_dict(state)
            for p, was in zip(opt._core.bound.parameters.arrays, first, strict=True):
                p[...] = was
        count += 1
    assert count > 1 or not any(isinstance(x, dict) and len(x) > 1 for x in _containers(given))


def _containers(tree: Any) -> Iterator[Any]:
    if isinstance(tree, (dict, list, tuple)):
        yield tree
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from _containers(child)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container(container: str) -> None:
    check(CONTAINERS[container][0](counter()), gradients(container, 20))


@pytest.mark.parametrize("container", DEEP)
def test_dicts_at_every_depth(container: str) -> None:
    check(DEEP[container](counter()), DEEP[container](counter(20)))


def test_each_value_reaches_its_own_parameter() -> None:
    """By hand: what another order gives is not only the same, but right."""
    params = {"a": {"w": np.zeros(2), "b": np.zeros(2)}, "c": {"w": np.zeros(2), "b": np.zeros(2)}}
    opt = fastopt.SGD(params, lr=1.0)
    opt.step(
        {
            "c": {"b": np.full(2, 4.0), "w": np.full(2, 3.0)},
            "a": {"b": np.full(2, 2.0), "w": np.ones(2)},
        }
    )
    assert [p[0] for layer in params.values() for p in layer.values()] == [-1.0, -2.0, -3.0, -4.0]
