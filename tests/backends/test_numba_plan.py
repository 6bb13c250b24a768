"""The Numba plan: one compiled call for what lies as it should, Python for the rest, the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt

pytest.importorskip("numba")

from fastopt.arrays import Extents
from fastopt.backends import numba_plan, numba_reader, numba_threads
from fastopt.backends.numba_walk import TILE, Table

Array = NDArray[Any]
Calls = list[str]
SHAPES: list[tuple[int, ...]] = [(7,), (3, 5), (), (0, 4), (130,), (2, 3, 4), (TILE + 9,)]


def model(seed: int, shapes: list[tuple[int, ...]] = SHAPES) -> list[Array]:
    rng = np.random.default_rng(seed)
    dtypes = [np.float32, np.float64]
    return [np.asarray(rng.standard_normal(s)).astype(dtypes[i % 2]) for i, s in enumerate(shapes)]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """List the calls of compiled code that update something."""
    found: Calls = []
    for name in ("walk", "walk_one"):
        whole = getattr(Table, name)

        def call(*given: Any, name: str = name, whole: Callable[..., None] = whole) -> None:
            found.append(name)
            whole(*given)

        monkeypatch.setattr(Table, name, call)
    return found


def taken(backend: str, *steps: list[Any], **options: Any) -> list[bytes]:
    """Take steps; return what parameters and states have become."""
    params = model(0)
    opt = fastopt.AdamW(params, backend=backend, lr=0.1, **options)
    for grads in steps:
        opt.step(grads)
    return [a.tobytes() for a in params] + [
        a.tobytes() for state in opt.state.values() for a in state.values()
    ]


def test_a_plain_step_is_one_call(calls: Calls) -> None:
    steps = [model(1), model(2)]
    assert taken("numba", *steps) == taken("numpy", *steps)
    assert calls == ["walk", "walk"]


def fortran(g: Array) -> Array:
    return np.asfortranarray(g)


def strided(g: Array) -> Array:
    return np.repeat(g[..., None], 2, -1)[..., 0]


def unaligned(g: Array) -> Array:
    room = np.zeros(g.nbytes + 1, np.uint8)
    found = room[1:].view(g.dtype).reshape(g.shape)
    found[...] = g
    return found


def of_another_dtype_object(g: Array) -> Array:
    return g.astype(np.dtype(g.dtype, metadata={"of": "another"}))


@pytest.mark.parametrize(
    ("change", "apart"), [(fortran, 1), (strided, 1), (unaligned, 1), (of_another_dtype_object, 0)]
)
def test_what_lies_otherwise_is_swept_apart(
    change: Callable[[Array], Array], apart: int, calls: Calls
) -> None:
    first, second, third = model(1), model(2), model(3)
    second[1] = change(second[1])
    wanted = taken("numpy", first, second, third)
    calls.clear()
    assert taken("numba", first, second, third) == wanted
    assert calls.count("walk") == 3
    assert calls.count("walk_one") == apart


def test_the_stage_changes_with_a_hyperparameter(calls: Calls) -> None:
    found: list[list[bytes]] = []
    for backend in ("numpy", "numba"):
        params = model(0)
        opt = fastopt.SGD(params, lr=0.1, backend=backend)
        for seed, decay in enumerate((0.0, 0.5, 0.0, 0.25)):
            opt.weight_decay = decay
            opt.step(model(seed))
        found.append([p.tobytes() for p in params])
    assert found[0] == found[1]
    assert calls == ["walk"] * 4


def test_a_parameter_sits_out(calls: Calls) -> None:
    first, second, third = model(1), model(2), model(3)
    second[4] = None  # type: ignore[call-overload]
    wanted = taken("numpy", first, second, third)
    assert taken("numba", first, second, third) == wanted
    assert calls == ["walk"] * 3


def test_gradients_are_zeroed_in_the_same_call(calls: Calls) -> None:
    first, second = model(1), model(2)
    assert taken("numba", first, second, zero_grads=True) == taken("numpy", model(1), model(2))
    assert calls == ["walk", "walk"]
    assert not any(g.any() for g in (*first, *second))


@pytest.mark.parametrize("options", [{}, {"zero_grads": True}, {"ema": 0.9}])
def test_shared_out_among_threads(options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = taken("numpy", model(1), model(2), **options)
    monkeypatch.setattr(numba_plan, "WORTH_A_THREAD", 64)
    shared: list[int] = []

    def share_out(jobs: Any) -> None:
        shared.append(len(jobs))
        numba_threads.share_out(jobs)

    monkeypatch.setattr(numba_plan, "share_out", share_out)
    with _threads(3):
        assert taken("numba", model(1), model(2), **options) == wanted
    assert min(shared) >= 6


class _threads:  # noqa: N801 - used as a function
    def __init__(self, count: int) -> None:
        self._before = fastopt.get_num_threads()
        fastopt.set_num_threads(count)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        fastopt.set_num_threads(self._before)


# The reader: what it says nothing of is as it was.


def test_the_layout_of_arrays_is_known() -> None:
    assert numba_reader.layout_is_known()


def reshaped(a: Any) -> None:
    a.shape = (4, 3)


def retyped(a: Any) -> None:
    a.dtype = np.int32


def strides_changed(a: Any) -> None:
    a.strides = (4, 12)


CHANGES = [
    *(reshaped, retyped, strides_changed),
    lambda a: a.setflags(write=False),
    lambda a: a.resize((2, 4), refcheck=False),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_reader_finds_what_has_changed(change: Callable[[Any], None]) -> None:
    arrays = [np.zeros((3, 4), np.float32) for _ in range(3)]
    fixed = numba_reader.Expected(arrays)
    assert fixed.differing() == []
    change(arrays[1])
    assert fixed.differing() == [1]


def test_the_reader_finds_other_memory() -> None:
    arrays = [np.zeros(3), np.zeros(4)]
    fixed = numba_reader.Expected(arrays)
    fixed.rows[1, numba_reader.AT] -= 8  # NumPy 2 has no way that always does
    assert fixed.differing() == [1]


def test_the_reader_takes_gradients_that_fit() -> None:
    params: list[Array] = [
        np.zeros((3, 4), np.float32),
        np.asfortranarray(np.zeros((3, 4))),
        np.zeros(5),
    ]
    dense = numba_reader.Expected(params, Extents(("", p) for p in params))
    found = [np.ones_like(p) for p in params]
    assert dense.differing(found) == []
    assert dense.rows[:, numba_reader.AT].tolist() == [g.ctypes.data for g in found]
    assert dense.differing([*found[:2], params[2]]) == [2]
    assert dense.rows[2, numba_reader.AT] == 0
    assert dense.differing([None, *found[1:]]) == [0]
    assert dense.differing([found[0].T, *found[1:]]) == [0]
    assert dense.differing([found[0].view(np.int32), *found[1:]]) == [0]
    assert dense.differing([*found[:2], found[2].view(np.matrix)[0]]) == [2]
    found[2].setflags(write=False)
    assert dense.differing(found) == []
    assert dense.differing(found, numba_reader.WRITEABLE) == [2]


@pytest.mark.parametrize("offset", range(-6, 7))
def test_the_reader_finds_gradients_in_what_is_written(offset: int) -> None:
    room = np.zeros(20)
    p = room[8:12]
    dense = numba_reader.Expected([p], Extents([("", p), ("", np.zeros(3)), ("", np.zeros(3))]))
    overlaps = abs(offset) < 4
    assert dense.differing([room[8 + offset : 12 + offset]]) == ([0] if overlaps else [])


def test_a_layout_that_is_not_known_costs_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = taken("numpy", model(1), model(2))
    monkeypatch.setattr(numba_reader, "layout_is_known", lambda: False)
    assert taken("numba", model(1), model(2)) == wanted


def test_gradients_that_fitted_only_once_are_looked_at_again() -> None:
    p, g = np.ones(4), np.ones(4)
    opt = fastopt.SGD([p], lr=1.0, backend="numba")
    opt.step([g])
    with pytest.raises(ValueError, match="shares memory"):
        opt.step([p])
    opt.step([g])
    assert p.tolist() == [-1.0] * 4


def test_a_gradient_that_becomes_read_only_is_not_zeroed() -> None:
    p, g = np.ones(3), np.ones(3)
    opt = fastopt.SGD([p], lr=0.5, zero_grads=True, backend="numba")
    opt.step([g])
    g[...] = 1.0
    g.flags.writeable = False
    with pytest.raises(ValueError, match="the gradient of '0' is read-only"):
        opt.step([g])
    assert (p.tolist(), g.tolist()) == ([0.5] * 3, [1.0] * 3)
