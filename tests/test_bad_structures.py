"""Gradients in a structure that is not that of the parameters, and structures that are none."""

from collections.abc import Callable
from typing import Any

import pytest
from places import DTYPES, Scene, Words, named

from fastopt.registry import ALGORITHMS


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
    for i, algorithm in enumerate(ALGORITHMS):
        scene = Scene(algorithm, backend, "nested", DTYPES[i % 2])
        scene.refuses(make(scene.tree(6)), error, words[0], words)
        scene.goes_on()
