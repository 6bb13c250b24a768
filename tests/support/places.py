"""Models with an array at one place or another, and an optimizer of them with its twin."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
from fastopt.registry import optimizer_class
from support.hashing import digest

Array = NDArray[Any]
Words = tuple[str, ...]

SHAPE = (3, 4)
DTYPES = [np.float32, np.float64]


def good(seed: int, dtype: Any = np.float32) -> Array:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(dtype)


# Where in a model the bad array stands: the model, and the name of that array.
PLACES: dict[str, tuple[Callable[[Any, list[Array]], Any], str]] = {
    "alone": (lambda a, others: a, "params"),
    "first": (lambda a, others: [a, *others], "0"),
    "middle": (lambda a, others: [others[0], a, others[1]], "1"),
    "last": (lambda a, others: (*others, a), "2"),
    "nested": (
        lambda a, others: {"bias": others[0], "layers": [{"w": others[1]}, {"w": a}]},
        "layers.1.w",
    ),
}


def options(algorithm: str) -> dict[str, Any]:
    """Let every algorithm have state."""
    return {"momentum": 0.9} if "momentum" in optimizer_class(algorithm).hyperparameters else {}


def check_message(error: BaseException, name: str, words: Words) -> None:
    message = str(error)
    for word in (name, *words):
        assert word in message, f"{word!r} is not in {message!r}"


def named(cases: list[Any]) -> dict[str, Any]:
    return {"argvalues": cases, "ids": [case[0] for case in cases]}


class Scene:
    """An optimizer that has taken a step, and its twin, which never sees the fault."""

    def __init__(self, algorithm: str, backend: str, place: str, dtype: Any) -> None:
        self.build, self.name = PLACES[place]
        self.dtype = dtype
        self.opt, self.twin = (
            fastopt.get(algorithm, self.tree(0), backend=backend, **options(algorithm))
            for _ in range(2)
        )
        for opt in (self.opt, self.twin):
            opt.step(self.tree(3))

    def tree(self, seed: int) -> Any:
        first, *others = (good(seed + k, self.dtype) for k in range(3))
        return self.build(first, others)

    def bad(self, gradient: Any) -> Any:
        return self.build(gradient, [good(7, self.dtype), good(8, self.dtype)])

    def refuses(self, grads: Any, error: type[Exception], name: str, words: Words) -> None:
        before = digest(self.opt, grads)
        with pytest.raises(error) as caught:
            self.opt.step(grads)
        assert type(caught.value) is error
        check_message(caught.value, name, words)
        assert digest(self.opt, grads) == before

    def goes_on(self) -> None:
        for opt in (self.opt, self.twin):
            opt.step(self.tree(9))
        assert digest(self.opt) == digest(self.twin)
