"""The functions of `fastopt.autograd` beside autograd's own, and what they keep apart."""

import doctest
import inspect
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
import fastopt.autograd as door
from fastopt.autograd import loop
from fastopt.registry import names

Array = NDArray[Any]


def start() -> dict[str, Any]:
    return {"w": np.arange(6.0).reshape(2, 3) / 5, "b": (0.5, [np.ones(2)]), "a": 2.0}


def grad(x: Any, i: int) -> Any:
    """Compute gradients with noise, numbers among them."""
    noise = np.random.default_rng(i).standard_normal((2, 3))
    b, (c,) = x["b"]
    return {"w": 3 * x["w"] + noise, "b": (float(2 * b), [np.sin(c)]), "a": 0.5 * x["a"]}


def leaves(x: Any) -> list[Any]:
    return [x["w"], x["b"][0], x["b"][1][0], x["a"]]


OURS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("sgd", {"step_size": 0.03, "mass": 0.7}),
    ("sgd", {"mass": 0.0}),
    ("rmsprop", {}),
    ("rmsprop", {"step_size": 0.03, "gamma": 0.8, "eps": 1e-3}),
    ("adam", {}),
    ("adam", {"step_size": 0.03, "b1": 0.8, "b2": 0.9, "eps": 1e-4}),
]


@pytest.mark.parametrize(("name", "options"), OURS)
def test_where_it_ends_and_what_callbacks_see(name: str, options: dict[str, Any]) -> None:
    """Within 1e-12 of autograd's; 4e-16 was measured, and no difference with sgd."""
    theirs = pytest.importorskip("autograd.misc.optimizers")
    seen: dict[Any, list[Any]] = {door: [], theirs: []}
    ends = {}
    for page, kept in seen.items():

        def callback(x: Any, i: int, g: Any, kept: list[Any] = kept) -> None:
            kept.append((x, i, g))

        ends[page] = getattr(page, name)(grad, start(), callback, 60, **options)
    for one, other in zip(*map(leaves, ends.values()), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0 if name == "sgd" else 1e-12)
        assert np.shape(one) == np.shape(other)
    for (x, i, g), (y, j, h) in zip(*seen.values(), strict=True):
        assert i == j
        for one, other in zip(leaves(x) + leaves(g), leaves(y) + leaves(h), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_signatures_are_theirs() -> None:
    theirs = pytest.importorskip("autograd.misc.optimizers")
    for name in ("sgd", "rmsprop", "adam"):
        ours = inspect.signature(getattr(door, name)).parameters
        cells = [cell.cell_contents for cell in getattr(theirs, name).__closure__]
        (there,) = [inspect.signature(each).parameters for each in cells]
        assert list(ours)[2:] == list(there)[2:]
        assert [p.default for p in ours.values()] == [p.default for p in there.values()]


def test_derivatives_of_autograd() -> None:
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    def loss(params: Any, i: int) -> Any:
        return anp.sum((anp.tanh(params[0][0]) - params[1]) ** 2) + anp.sum(params[1] ** 2)

    x0 = [(np.array([0.5, -1.0]),), np.array([2.0, 1.0])]
    found = door.nadam(autograd.grad(loss), x0, num_iters=300, lr=0.1)
    assert loss(found, 0) < 1e-3 < loss(x0, 0)


@pytest.mark.parametrize("name", ["adamw", "lamb", "adamwschedulefree", "prodigy", "sm3"])
def test_every_other_by_its_options(name: str) -> None:
    """Bit for bit as a loop of ours."""
    options: dict[str, Any] = {"lr": fastopt.schedules.cosine(0.1, 40), "clipnorm": 1.0}
    found = getattr(door, name)(grad, start(), num_iters=20, **options)
    x = door.adam(grad, start(), num_iters=0)
    opt = fastopt.get(name, x, **options)
    for i in range(20):
        opt.step(loop._arrays(grad(x, i)))
    if name == "adamwschedulefree":
        opt.eval()
    for one, other in zip(leaves(found), leaves(x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(names()) <= set(dir(door))


def test_what_is_given_is_left_alone() -> None:
    kept: list[Any] = []
    x0 = np.array([1, 2])

    def gradient(x: Array, i: int) -> Array:
        kept.append(x)
        return x  # its own gradient

    end = door.adam(gradient, x0, num_iters=3, step_size=0.5)
    assert x0.tolist() == [1, 2]
    assert len({x.tobytes() for x in [*kept, end]}) == 4
    assert end.dtype == "float64"
    assert door.sgd(gradient, np.ones(2, "f4"), num_iters=3).dtype == "float32"
    assert door.sgd(gradient, 3.0, num_iters=0) == 3.0


def test_a_gradient_that_is_not_there() -> None:
    end = door.adam(lambda x, i: [x[0], None], [np.ones(2), np.ones(2)], num_iters=3)
    assert (end[1] == 1).all()
    assert (end[0] != 1).all()


class Mine(fastopt.SGD):
    """A class of a user."""


def test_own_classes() -> None:
    assert door.minimizer(Mine)(lambda x, i: x, 1.0, num_iters=1, lr=0.5) == 0.5


@pytest.mark.parametrize("name", ["momo", "lbfgs", "sophia"])
def test_gradients_alone_are_not_enough_for_some(name: str) -> None:
    with pytest.raises(TypeError, match="takes more than gradients"):
        getattr(door, name)(grad, start())


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="did you mean 'adam'"):
        door.adm  # noqa: B018


@pytest.mark.parametrize("module", [door, loop])
def test_the_examples_of_docstrings(module: Any) -> None:
    failed, tried = doctest.testmod(module, extraglobs={"np": np})
    assert (failed, tried > 0) == (0, True)
