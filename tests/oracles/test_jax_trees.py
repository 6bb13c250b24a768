"""What an optimizer shows is a tree for JAX, like the parameters, whichever was imported first."""

from typing import Any

import numpy as np
import pytest

import fastopt

jax = pytest.importorskip("jax")


def params() -> dict[str, Any]:
    return {
        "layers": [{"w": np.ones((2, 3), np.float32)}, {"w": np.zeros(3, np.float32)}],
        "b": np.ones(1),
    }


def test_a_function_of_averages_is_compiled() -> None:
    given = params()
    opt = fastopt.SGD(given, ema=0.9)
    total = jax.jit(lambda tree: sum(leaf.sum() for leaf in jax.tree.leaves(tree)))
    assert total(opt.ema_state) == total(given) == 7


def test_mapped_over_they_are_plain() -> None:
    opt = fastopt.Adam(params(), ema=0.9)
    doubled = jax.tree.map(lambda a: 2 * a, opt.ema_state)
    assert type(doubled) is dict
    assert type(doubled["layers"]) is list
    assert doubled["layers"][0]["w"].tolist() == [[2.0] * 3] * 2
    shapes = jax.tree.map(np.shape, opt.state)
    assert shapes["layers.0.w"] == {"m": (2, 3), "v": (2, 3)}


def test_paths_are_those_of_the_parameters() -> None:
    given = params()
    opt = fastopt.SGD(given, ema=0.9)
    mine, theirs = (
        [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
        for tree in (opt.ema_state, given)
    )
    assert mine == theirs
