"""A gradient of any layout gives the bits that its contiguous copy gives; so does any shape."""

import tracemalloc
from collections.abc import Callable
from itertools import permutations
from math import prod
from typing import Any, Literal

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE, FACTORED, TOGETHER

import fastopt
from fastopt.backends.python_plan import TILE

Array = NDArray[Any]

ORDERS: tuple[Literal["C", "F"], ...] = ("C", "F", "C", "F")

# Around the edges of tiles (16 rows, 1024 elements) and of vectors, and far from any multiple.
SIZES = (1, 2, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 2500)
SHAPES: list[tuple[int, ...]] = [
    *((n,) for n in SIZES),
    (15, 16), (16, 17), (17, 65), (64, 64), (63, 1025), (1025, 17), (1, 70), (70, 1), (130, 129),
    (5, 17, 33), (16, 3, 65), (2, 1, 40), (1, 1, 1),
    (3, 5, 7, 9), (2, 16, 17, 4),
]  # fmt: skip


def misaligned(a: Array) -> Array:
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    moved = memory.view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def inside(a: Array) -> Array:
    """The middle of a larger array."""
    frame = np.full([n + 5 for n in a.shape], np.nan, a.dtype)
    middle = frame[tuple(slice(2, -3) for _ in a.shape)]
    middle[...] = a
    return middle


def every(step: int) -> Callable[[Array], Array]:
    def make(a: Array) -> Array:
        wide = np.full([n * abs(step) for n in a.shape], np.nan, a.dtype)
        view = wide[tuple(slice(None, None, step) for _ in a.shape)]
        view[...] = a
        return view

    return make


def broadcast(axis: int) -> Callable[[Array], Array]:
    """The same values along an axis, all at one place in memory."""
    return lambda a: np.broadcast_to(a.take([0], axis), a.shape)


def read_only(a: Array) -> Array:
    a = a.copy()
    a.setflags(write=False)
    return a


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": lambda a: a.copy("C"),
    "F": lambda a: a.copy("F"),
    "reversed": lambda a: every(-1)(a),
    "first axis reversed": lambda a: a[::-1].copy()[::-1],
    "last axis reversed": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every second": every(2),
    "every third backwards": every(-3),
    "inside": inside,
    "inside a transposed one": lambda a: inside(a.T).T,
    "read-only": read_only,
    "broadcast along the first": broadcast(0),
    "broadcast along the last": broadcast(-1),
    "one value": lambda a: np.broadcast_to(a.flat[0], a.shape),
    "misaligned": misaligned,
    "misaligned F": lambda a: misaligned(a.T).T,
    "misaligned reversed": lambda a: misaligned(a[::-1])[::-1],
    "field of a structure": lambda a: a.astype([("x", "i1"), ("g", a.dtype)])["g"],
    "real part": lambda a: (a + 1j).real,
}


def values(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def train(p: Array, gradients: list[Array], backend: str, algorithm: str = "adam") -> list[bytes]:
    """Give the bits of a parameter and its state after a step with each gradient."""
    opt = fastopt.get(algorithm, {"w": p}, lr=0.01, weight_decay=0.1, backend=backend)
    for g in gradients:
        take_step(opt, {"w": g})
    return [p.tobytes(), *(a.tobytes() for a in opt.state["w"].values())]


def check(view: Array, order: Any, backend: str, algorithm: str = "adam") -> None:
    before = view.tobytes()
    p = values(view.shape, view.dtype, 1).copy(order)
    start = p.tobytes()
    found = train(p, [view, view], backend, algorithm)
    copy = np.array(view, order=order)
    wanted = train(values(view.shape, view.dtype, 1).copy(order), [copy, copy], backend, algorithm)
    where = f"{view.shape}, strides {view.strides}, parameter in order {order}"
    assert found == wanted, where
    assert view.tobytes() == before, where
    assert found[0] != start or algorithm == "radamschedulefree", where  # which is silent at first


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout: str, dtype: Any, backend: str) -> None:
    # Tiles of the Python plans have another size: what is longer than one, and a third of the others.
    shapes = [s for k, s in enumerate(SHAPES) if prod(s) > TILE or (k + len(layout)) % 3 == 0]
    for shape in SHAPES if backend == "native" else shapes:
        view = LAYOUTS[layout](values(shape, dtype))
        assert view.shape == shape
        assert view.dtype == dtype
        for order in ("C", "F"):
            check(view, order, backend)


@pytest.mark.parametrize("shape", [(17, 5, 33), (2, 65, 3), (3, 5, 7, 9), (2, 1, 16, 20)])
def test_permuted_axes(shape: tuple[int, ...], backend: str) -> None:
    for axes in permutations(range(len(shape))):
        stored = values(tuple(shape[k] for k in axes), np.float32)
        view = stored.transpose(np.argsort(axes))
        assert view.shape == shape
        for flip in (slice(None), slice(None, None, -1)):
            for order in ("C", "F"):
                check(view[:, flip], order, backend)


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
def test_every_algorithm(algorithm: str, backend: str) -> None:
    for dtype in (np.float32, np.float64):
        for order in ("C", "F"):
            check(values((65, 130), dtype).T, order, backend, algorithm)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("layout", ["C", "F", "reversed", "misaligned", "every second", "inside"])
@pytest.mark.usefixtures("default_settings")
def test_large_gradients_in_many_chunks(layout: str, order: Any, backend: str) -> None:
    a = values((1021, 1237), np.float32)
    g = LAYOUTS[layout](a)
    small = values((7, 5), np.float32).T
    found = []
    for threads, gradient in ((1, g), (2, g), (3, g), (1, a.copy(order))):
        fastopt.set_num_threads(threads)
        params = [values((5, 7), np.float32), values(a.shape, np.float32, 1).copy(order)]
        opt = fastopt.get("rmsprop", params, backend=backend)
        opt.step([small, gradient])
        found.append([p.tobytes() for p in params])
    assert all(bits == found[-1] for bits in found)


def test_layouts_side_by_side_and_one_after_the_other(backend: str) -> None:
    """Whatever the gradients of the last step were like, those of this one are read as they are."""
    shape = (33, 65)
    makers = [make for name, make in LAYOUTS.items() if not name.startswith("field")]
    params, twins = (
        [np.array(values(shape, np.float32, k), order=order) for k, order in enumerate(ORDERS)]
        for _ in range(2)
    )
    opt, twin = (fastopt.get("adam", x, backend=backend) for x in (params, twins))
    for i in range(len(makers)):
        turn = [makers[(i + k) % len(makers)] for k in range(len(ORDERS))]
        grads = [make(values(shape, np.float32, k)) for k, make in enumerate(turn)]
        opt.step(grads)
        twin.step([np.array(g, order="C") for g in grads])
    assert [p.tobytes() for p in params] == [p.tobytes() for p in twins]


LARGE = (2000, 2100)  # 16.8 MB of float32


@pytest.mark.parametrize("layout", ["F", "reversed", "every second", "misaligned F"])
def test_python_makes_no_whole_copy(layout: str, backend: str) -> None:
    p = np.zeros(LARGE, np.float32)
    g = LAYOUTS[layout](np.ones(LARGE, np.float32))
    opt = fastopt.get("sgd", p, lr=1.0, backend=backend)
    opt.step(g)
    tracemalloc.start()
    try:
        opt.step(g)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < g.nbytes / 20
    assert np.all(p == -2)


def test_process_makes_no_whole_copy(run_python: Callable[..., str]) -> None:
    """Memory that the extension takes is not traced: look at the most that the process ever held."""
    resource = pytest.importorskip("resource")
    assert resource.RUSAGE_SELF is not None
    grown = run_python(
        """
        import resource, sys
        import numpy as np
        import fastopt

        p, small = np.ones((4000, 4100), np.float32), np.ones((40, 41), np.float32)
        g = np.full((4100, 4000), 0.5, np.float32).T
        fastopt.get("sgd", small, lr=1.0).step(np.ones((41, 40), np.float32).T)
        opt = fastopt.get("sgd", p, lr=1.0)
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        opt.step(g)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        assert np.all(p == 0.5)
        print((after - before) / g.nbytes)
        """
    )
    assert float(grown) < 0.1


# Parameters of any shape.

EMPTY: list[tuple[int, ...]] = [(0,), (0, 3), (3, 0), (2, 0, 4)]


@pytest.mark.parametrize("algorithm", [a for a in ANY_SHAPE if a not in TOGETHER])
def test_empty_and_0d_arrays_at_every_place(algorithm: str, backend: str) -> None:
    shapes: list[tuple[int, ...]] = [(), (0,), (5, 3), (2, 0), (1,)]
    alone = {}
    for shape in shapes:
        p = values(shape, np.float32)
        opt = fastopt.get(algorithm, p, backend=backend)
        for seed in (1, 2):
            take_step(opt, values(shape, np.float32, seed))
        alone[shape] = p.tobytes()
    for first in range(len(shapes)):
        turned = shapes[first:] + shapes[:first]
        for arrangement in (turned, turned[::-1]):
            params = [values(shape, np.float32) for shape in arrangement]
            opt = fastopt.get(algorithm, params, backend=backend)
            for seed in (1, 2):
                take_step(opt, [values(shape, np.float32, seed) for shape in arrangement])
            assert [p.tobytes() for p in params] == [alone[shape] for shape in arrangement]
            for name, shape in zip(opt.names, arrangement, strict=True):
                shapes_of_states = {a.shape for a in opt.state[name].values()}
                assert algorithm in FACTORED or shapes_of_states <= {shape}


@pytest.mark.parametrize("shape", EMPTY)
def test_nothing_but_empty_arrays(shape: tuple[int, ...], backend: str) -> None:
    params = [np.zeros(shape), np.zeros(shape, np.float32)]
    opt = fastopt.get("adam", params, backend=backend)
    opt.step([np.zeros(shape), np.zeros(shape, np.float32)])
    opt.step([None, np.zeros(shape[::-1], np.float32).T])
    assert opt.step_count == 2
    assert all(a.shape == shape for states in opt.state.values() for a in states.values())


@pytest.mark.parametrize(
    "make",
    [
        lambda a: np.array(a[1]),
        lambda a: a[1:2].reshape(()),
        lambda a: a[::-1][1, ...],
        lambda a: misaligned(a[1, ...]),
        lambda a: np.broadcast_to(a[1], ()),
        lambda a: a[1],  # what NumPy's arithmetic makes of 0-d arrays
    ],
    ids=["own", "view", "of a reversed one", "misaligned", "broadcast", "scalar"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_0d_gradients(make: Callable[[Array], Array], dtype: Any, backend: str) -> None:
    view = make(values((3,), dtype))
    assert view.shape == ()
    check(view, "C", backend)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1, 7), (7, 1, 5), (1,), (1, 1)])
def test_unit_dimensions_with_any_stride(shape: tuple[int, ...], backend: str) -> None:
    """NumPy lets the stride of a dimension of length 1 be anything, and calls it contiguous."""

    def odd(a: Array) -> Array:
        strides = [12345 if n == 1 else s for n, s in zip(a.shape, a.strides, strict=True)]
        return as_strided(a, a.shape, strides)

    params = [odd(values(shape, np.float32)), values(shape, np.float32)]
    assert params[0].flags.c_contiguous
    opt = fastopt.get("adam", params, backend=backend)
    for seed in (1, 2):
        g = values(shape, np.float32, seed)
        opt.step([g, odd(g.copy())])
    opt.step([odd(values(shape, np.float32)), values(shape, np.float32)])
    assert params[0].tobytes() == params[1].tobytes() != values(shape, np.float32).tobytes()
    for array in opt.state["0"].values():
        assert array.shape == shape
        assert array.flags.c_contiguous


def test_state_lies_as_its_parameter(backend: str) -> None:
    params: dict[str, Array] = {
        "C": np.zeros((3, 4)),
        "F": np.zeros((4, 3)).T,
        "line": np.zeros(5, np.float32),
    }
    opt = fastopt.get("adam", params, backend=backend)
    for name, p in params.items():
        for array in opt.state[name].values():
            assert array.strides == p.strides
            assert array.dtype == p.dtype
