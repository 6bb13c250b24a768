"""Arrays that share memory: refused where one that is written has an element in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support.hashing import digest, leaves
from support.places import DTYPES, PLACES, SHAPE, Array, Scene, check_message, good, named
from support.variants import FOUNDING

import fastopt


@pytest.mark.parametrize("groups", [False, True], ids=["list", "groups"])
@pytest.mark.parametrize(
    "overlap",
    [
        lambda a: a,
        lambda a: a[:],
        lambda a: a[1:],
        lambda a: a.reshape(-1)[5:6].reshape(()),
        lambda a: a.T,
        lambda a: a.view(np.float64 if a.dtype == np.float32 else np.float32),
    ],
    ids=["twice", "view", "rows", "element", "transposed", "other dtype"],
)
def test_parameters_that_overlap(overlap: Callable[[Array], Array], groups: bool) -> None:
    a, between = good(0), good(1)
    params: list[Any] = [overlap(a), between, a]
    before = digest(params)
    with pytest.raises(ValueError, match="shares memory") as caught:
        fastopt.get("adam", [{"params": [p]} for p in params] if groups else params)
    check_message(caught.value, "'0.0'" if groups else "'0'", ("once",))
    check_message(caught.value, "'2.0'" if groups else "'2'", ())
    assert digest(params) == before


# Gradients that share memory with what the step writes, and whose memory that is.
SHARED: list[tuple[str, Callable[[Any, str], Any], str]] = [
    ("its parameter", lambda opt, name: parameter(opt, name), "parameter '{name}'"),
    ("reversed", lambda opt, name: parameter(opt, name)[::-1, ::-1], "parameter '{name}'"),
    ("one row", lambda opt, name: np.broadcast_to(parameter(opt, name)[1], SHAPE), "'{name}'"),
    ("another", lambda opt, name: parameter(opt, opt.names[0]), "parameter '{first}'"),
    ("its state", lambda opt, name: state(opt, name), "of '{name}'"),
    ("another's state", lambda opt, name: state(opt, opt.names[-1]), "of '{last}'"),
    ("reversed state", lambda opt, name: state(opt, name)[::-1], "of '{name}'"),
]


def parameter(opt: fastopt.Optimizer, name: str) -> Any:
    params = [leaf for leaf in leaves(opt.params) if isinstance(leaf, np.ndarray)]
    return dict(zip(opt.names, params, strict=True))[name]


def state(opt: fastopt.Optimizer, name: str) -> Any:
    return next(iter(opt.state[name].values()))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", **named(SHARED))
def test_gradient_that_shares_memory(
    case: tuple[str, Callable[[Any, str], Any], str], place: str, backend: str
) -> None:
    _, make, owner = case
    for i, algorithm in enumerate(FOUNDING):
        scene = Scene(algorithm, backend, place, DTYPES[i % 2])
        names = scene.opt.names
        owner_ = owner.format(name=scene.name, first=names[0], last=names[-1])
        bad = scene.bad(make(scene.opt, scene.name))
        words = ("shares memory", owner_, "np.array(")
        scene.refuses(bad, ValueError, f"the gradient of '{scene.name}'", words)
        scene.goes_on()


def test_one_array_can_be_the_gradient_of_many(backend: str) -> None:
    params, g = [good(0), good(0), good(1)], good(2)
    opt = fastopt.get("adam", params, backend=backend)
    opt.step([g, g, g[::-1]])
    assert params[0].tobytes() == params[1].tobytes() != good(0).tobytes()
    assert g.tobytes() == good(2).tobytes()


@pytest.mark.parametrize("step", [1, 2, 3, -1, -2, -3, 0])
def test_one_common_element_is_too_much(step: int, backend: str) -> None:
    """Gradients at every distance from a parameter in one buffer: refused if they share an element."""
    start = np.random.default_rng(0).standard_normal(40).astype(np.float32)
    refused = 0
    for first in range(12, 28):
        memory = start.copy()
        p, places = memory[18:22], [first + step * k for k in range(4)]
        g = as_strided(memory[first:], (4,), (step * memory.itemsize,))
        opt = fastopt.get("adam", p, backend=backend)
        if set(places) & set(range(18, 22)):
            with pytest.raises(ValueError, match="shares memory"):
                opt.step(g)
            assert memory.tobytes() == start.tobytes()
            refused += 1
        else:
            q = start[18:22].copy()
            opt.step(g)
            fastopt.get("adam", q, backend=backend).step(start[places])
            assert p.tobytes() == q.tobytes()
    assert 0 < refused < 16


def test_parameters_side_by_side_and_one_closer() -> None:
    memory = np.random.default_rng(0).standard_normal(20).astype(np.float32)
    for first in range(17):
        params = [memory[8:12], memory[first : first + 4]]
        if abs(first - 8) < 4:
            with pytest.raises(ValueError, match="shares memory"):
                fastopt.get("adam", params)
        else:
            fastopt.get("adam", params)


def test_arrays_may_lie_side_by_side(backend: str) -> None:
    """Parameters and gradients that are the rows of one buffer touch, and do not overlap."""
    memory = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    apart = [row.copy() for row in memory]
    for g0, p0, p1, g1, _ in (memory, apart):
        fastopt.get("adam", [p1, p0], backend=backend).step([g1, g0])
    assert [row.tobytes() for row in memory] == [row.tobytes() for row in apart]


def test_gradient_may_reach_across_a_parameter(backend: str) -> None:
    """From its first element to its last it spans a parameter, and has no element in common."""
    memory = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    column, inside = memory[:, 1], memory[3, 2:]
    assert np.may_share_memory(column, inside)
    params, twins = ([np.zeros(6, np.float32), row] for row in (inside, inside.copy()))
    grads = [column, memory[3, :2]]
    copies = [g.copy() for g in grads]
    fastopt.get("adam", params, backend=backend).step(grads)
    fastopt.get("adam", twins, backend=backend).step(copies)
    assert [p.tobytes() for p in params] == [p.tobytes() for p in twins]
    assert [g.tobytes() for g in grads] == [g.tobytes() for g in copies]
