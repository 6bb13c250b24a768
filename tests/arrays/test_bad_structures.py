"""Gradients in a structure that is not that of the parameters, and structures that are none."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from support.hashing import digest
from support.places import DTYPES, Scene, Words, good, named
from support.variants import FOUNDING

import fastopt


def without(tree: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in tree.items() if k != key}


# Gradients {"bias": ..., "layers": [{"w": ...}, {"w": ...}]} in a structure that is not that.
STRUCTURES: list[tuple[str, Callable[[Any], Any], type[Exception], Words]] = [
    ("list", lambda t: [t["bias"], t["layers"]], TypeError, ("grads", "list", "dict", "'layers'")),
    ("array", lambda t: t["bias"], TypeError, ("grads", "ndarray", "dict", "'layers'")),
    ("missing", lambda t: without(t, "bias"), ValueError, ("grads", "missing: 'bias'", "None")),
    ("unknown", lambda t: t | {"b": t["bias"]}, ValueError, ("grads", "unknown: 'b'")),
    (
        "misspelt",
        lambda t: without(t, "bias") | {"Bias": t["bias"]},
        ValueError,
        ("grads", "missing: 'bias'", "unknown: 'Bias'"),
    ),
    ("short", lambda t: t | {"layers": t["layers"][:1]}, ValueError, ("grads['layers']", "1", "2")),
    ("long", lambda t: t | {"layers": t["layers"] * 2}, ValueError, ("grads['layers']", "4", "2")),
    (
        "array for list",
        lambda t: t | {"layers": t["bias"]},
        TypeError,
        ("grads['layers']", "ndarray", "list or tuple"),
    ),
    (
        "generator for list",
        lambda t: t | {"layers": (x for x in t["layers"])},
        TypeError,
        ("grads['layers']", "generator", "list or tuple"),
    ),
    (
        "deep",
        lambda t: t | {"layers": [t["layers"][0], {"v": t["bias"]}]},
        ValueError,
        ("grads['layers'][1]", "missing: 'w'", "unknown: 'v'"),
    ),
    (
        "deep array",
        lambda t: t | {"layers": [t["layers"][0], t["bias"]]},
        TypeError,
        ("grads['layers'][1]", "ndarray", "dict"),
    ),
    ("nothing", lambda t: None, TypeError, ("step(grads)", "grads=")),
]


@pytest.mark.parametrize("case", **named(STRUCTURES))
def test_gradients_in_another_structure(
    case: tuple[str, Callable[[Any], Any], type[Exception], Words], backend: str
) -> None:
    _, make, error, words = case
    for i, algorithm in enumerate(FOUNDING):
        scene = Scene(algorithm, backend, "nested", DTYPES[i % 2])
        scene.refuses(make(scene.tree(6)), error, words[0], words)
        scene.goes_on()


# Containers that are not what they seem.


class Longer(list[Any]):
    """Says that it has two entries, and gives three."""

    def __len__(self) -> int:
        return 2


class Other(list[Any]):
    """Has two entries, and gives one."""

    def __iter__(self) -> Iterator[Any]:
        return iter([good(1)])


class Raising(dict[str, Any]):
    """Has keys, and none of the values."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)


class Three(NamedTuple):
    a: Any
    b: Any
    c: Any


LIARS: list[tuple[str, Any]] = [
    ("longer", Longer([good(1), good(2), good(3)])),
    ("shorter", Other([good(1), good(2)])),
    ("a named tuple of three", Three(good(1), good(2), good(3))),
]


@pytest.mark.parametrize("case", LIARS, ids=lambda case: case[0])
def test_gradients_are_counted_as_they_come(case: tuple[str, Any], backend: str) -> None:
    opt = fastopt.Adam([good(0), good(1)], backend=backend)
    before = digest(opt)
    with pytest.raises(ValueError, match=r"grads has \d entries; there must be 2"):
        opt.step(case[1])
    assert digest(opt) == before


def test_a_dict_without_its_values(backend: str) -> None:
    opt = fastopt.Adam({"a": good(0), "b": good(1)}, backend=backend)
    before = digest(opt)
    with pytest.raises(ValueError, match="grads must have the keys of the parameters"):
        opt.step(Raising(a=good(2), b=good(3)))
    assert digest(opt) == before


def endless(kind: type) -> Any:
    tree: Any = kind()
    if isinstance(tree, dict):
        tree["again"] = tree
    else:
        tree.extend([tree, tree])
    return tree


def deep(levels: int) -> Any:
    tree: Any = good(0)
    for _ in range(levels):
        tree = [tree]
    return tree


@pytest.mark.parametrize("params", [endless(list), endless(dict), deep(101), deep(100_000)])
def test_containers_without_a_bottom(params: Any) -> None:
    with pytest.raises(ValueError, match="nested more than 100 deep, or a container contains itself"):
        fastopt.Adam(params)


def test_containers_with_a_bottom(backend: str) -> None:
    opt = fastopt.Adam(deep(100), backend=backend)
    assert opt.step(deep(100))
    before = digest(opt)
    for wrong in (endless(list), deep(101), deep(99)):
        with pytest.raises((TypeError, ValueError), match=r"grads|the gradient of"):
            opt.step(wrong)
    assert digest(opt) == before
