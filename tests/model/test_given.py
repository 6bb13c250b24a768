"""Parameters from iterators and in pairs, and gradients of groups in a flat list."""

import itertools
from collections import deque
from typing import Any

import numpy as np
import pytest

import fastopt


def ones(*shape: int) -> Any:
    return np.ones(shape or (3,), np.float32)


ITERATORS: dict[str, Any] = {
    "generator": lambda arrays: (a for a in arrays),
    "view of a dict": lambda arrays: {"x": arrays[0], "y": arrays[1]}.values(),
    "map": lambda arrays: map(np.asarray, arrays),
    "deque": deque,
    "chain": lambda arrays: itertools.chain(arrays[:1], arrays[1:]),
}


@pytest.mark.parametrize("kind", ITERATORS)
@pytest.mark.parametrize("in_group", [False, True])
def test_iterators(kind: str, in_group: bool, backend: str) -> None:
    arrays = [ones(2), ones(3)]
    given: Any = ITERATORS[kind](arrays)
    groups: Any = [{"params": given, "lr": 0.5}] if in_group else given
    opt = fastopt.SGD(groups, lr=0.5, backend=backend)
    assert [id(p) for p in opt.named_parameters().values()] == list(map(id, arrays))
    grads: Any = [ones(2), ones(3)]
    for _ in range(2):
        opt.step([grads] if in_group else grads)
    assert not any(map(np.any, arrays))


PAIRS: dict[str, Any] = {
    "list": lambda d: list(d.items()),
    "view": lambda d: d.items(),
    "generator": lambda d: (pair for pair in d.items()),
    "tuple": lambda d: tuple(d.items()),
}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("in_group", [False, True])
def test_pairs(kind: str, in_group: bool, backend: str) -> None:
    named = {"W": ones(2), "b": ones(3)}
    given: Any = PAIRS[kind](named)
    opt = fastopt.SGD([{"params": given}] if in_group else given, lr=0.5, backend=backend)
    assert opt.names == ["W", "b"]
    grads = {"b": ones(3), "W": ones(2)}
    opt.step([grads] if in_group else grads)
    if not in_group:
        opt.step([("b", None), ("W", ones(2))])
        assert not named["W"].any()
    assert named["b"].tolist() == [0.5, 0.5, 0.5]


def test_what_is_added_to_an_iterator() -> None:
    opt = fastopt.SGD(iter([ones()]))
    opt.add_params([ones(2)])
    assert opt.names == ["0", "1"]
    opt = fastopt.SGD([("W", ones())])
    opt.add_params({"b": ones(2)})
    assert opt.names == ["W", "b"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (lambda: iter([]), ValueError, "an iterator .* that has been used"),
        (lambda: itertools.count(), TypeError, "parameter '0' is a int"),
        (lambda: [("w", ones()), ("w", ones())], ValueError, "two arrays of the name 'w'"),
        (lambda: {1.0, 2.0}, TypeError, "is a set"),
        (lambda: "weights", TypeError, "is a str"),
        (lambda: [("w", "x")], TypeError, "parameter 'w' is a str"),
        (lambda: (x for x in ["ab"]), TypeError, "parameter '0' is a str"),
        (lambda: [{"params": itertools.count()}], TypeError, "parameter '0' is a int"),
    ],
)
def test_what_is_refused(given: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        fastopt.SGD(given())


# Groups, and gradients in one list.


def grouped() -> Any:
    return [{"params": [ones(2), ones(3)], "lr": 0.5}, {"params": (ones(4),), "lr": 1.0}]


def test_a_flat_list_is_that_of_groups(backend: str) -> None:
    params, twins = grouped(), grouped()
    opt, twin = (fastopt.SGD(p, momentum=0.5, backend=backend) for p in (params, twins))
    for flat in ([ones(2), ones(3), ones(4)], (None, ones(3), ones(4))):
        opt.step(flat)
        twin.step([list(flat[:2]), list(flat[2:])])
    values = [[p.tobytes() for p in o.named_parameters().values()] for o in (opt, twin)]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    "grads",
    [
        [ones(3), ones(2), ones(4)],  # another order
        [ones(2), ones(3)],
        [ones(2), ones(3), ones(4), ones(4)],
        [ones(2), 1.0, ones(4)],
        {"0": ones(2), "1": ones(3), "2": ones(4)},
    ],
)
def test_what_can_be_mistaken_is_none(grads: Any, backend: str) -> None:
    opt = fastopt.SGD(grouped(), backend=backend)
    with pytest.raises((TypeError, ValueError), match="grads"):
        opt.step(grads)
    assert opt.step_count == 0


def test_dicts_have_no_flat_list(backend: str) -> None:
    """The order of their keys may be another one than that of the gradients."""
    opt = fastopt.SGD([{"params": {0: ones(2), 1: ones(2)}}, {"params": [ones(2)]}], backend=backend)
    with pytest.raises((TypeError, ValueError), match="grads"):
        opt.step([ones(2), ones(2), ones(2)])
