"""Copies and gradients that a setting cannot take: an error that names them, and no byte changes."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support.by_hand import Array, bfloat16

import fastopt

SHAPE = (3, 4)


def digest(*arrays: Array) -> str:
    """Hash every byte; of views the memory that they are of."""
    found = sha256()
    for a in arrays:
        found.update(f"{a.dtype} {a.shape} {a.strides} {a.flags.writeable}".encode())
        found.update(a.tobytes())
    return found.hexdigest()


def read_only(a: Array) -> Array:
    a.setflags(write=False)
    return a


def misaligned(a: Array) -> Array:
    return np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)


class Fault(NamedTuple):
    name: str
    make: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]


def zeros(shape: Any = SHAPE, dtype: Any = bfloat16) -> Array:
    return np.zeros(shape, dtype)


COPY_FAULTS = [
    Fault("None", lambda: None, TypeError, ("None",)),
    Fault("list", lambda: zeros().tolist(), TypeError, ("list",)),
    Fault("float", lambda: 1.5, TypeError, ("float",)),
    Fault("float32", lambda: zeros(dtype=np.float32), TypeError, ("float32", "ml_dtypes.bfloat16")),
    Fault("float64", lambda: zeros(dtype=np.float64), TypeError, ("float64", "np.float16")),
    Fault("int16", lambda: zeros(dtype=np.int16), TypeError, ("int16", "np.uint16")),
    Fault("bool", lambda: zeros(dtype=bool), TypeError, ("bool", "np.uint16")),
    Fault("foreign", lambda: zeros(dtype=">f2"), TypeError, ("float16", "np.uint16")),
    Fault("foreign bits", lambda: zeros(dtype=">u2"), TypeError, ("uint16",)),
    Fault("object", lambda: zeros(dtype=object), TypeError, ("object",)),
    Fault("short", lambda: zeros((3, 3)), ValueError, ("(3, 3)", "(3, 4)", "np.zeros_like(p, dtype=")),
    Fault("flat", lambda: zeros(12), ValueError, ("(12,)", "(3, 4)")),
    Fault("transposed", lambda: zeros((4, 3)).T, ValueError, ("memory order",)),
    Fault("Fortran", lambda: np.asfortranarray(zeros()), ValueError, ("memory order",)),
    Fault("strided", lambda: zeros((3, 8))[:, ::2], ValueError, ("memory order",)),
    Fault("broadcast", lambda: np.broadcast_to(zeros(4), SHAPE), ValueError, ("memory order",)),
    Fault("read-only", lambda: read_only(zeros()), ValueError, ("read-only",)),
    Fault("misaligned", lambda: misaligned(zeros()), ValueError, ("misaligned",)),
    Fault("masked", lambda: np.ma.zeros(SHAPE, np.float16), TypeError, ("MaskedArray",)),
]  # fmt: skip


@pytest.mark.parametrize("fault", COPY_FAULTS, ids=lambda fault: fault.name)
def test_bad_copy(fault: Fault, backend: str) -> None:
    for where in (0, 1):
        p: dict[str, Array] = {"a": np.ones(SHAPE), "b": np.ones(SHAPE, np.float32)}
        names = list(p)
        good = np.full(SHAPE, 7, np.float16)
        bad = fault.make()
        before = digest(*p.values(), good)
        given = {names[where]: bad, names[1 - where]: good}
        with pytest.raises(fault.error, match=f"'{names[where]}' in cast_to") as caught:
            fastopt.Adam(p, cast_to=given, ema=0.5, backend=backend)
        assert type(caught.value) is fault.error
        assert all(word in str(caught.value) for word in fault.words), str(caught.value)
        assert digest(*p.values(), good) == before


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda a, b: [a, b], TypeError, "must be a dict with the keys of the parameters"),
        (lambda a, b: {"a": a}, ValueError, "missing: 'b'"),
        (lambda a, b: {"a": a, "b": b, "c": b}, ValueError, "unknown: 'c'"),
        (lambda a, b: a, TypeError, "it must be a dict"),
    ],
)
def test_copies_in_another_structure(make: Any, error: type[Exception], words: str) -> None:
    copies = [np.full(SHAPE, 7, np.float16) for _ in range(2)]
    with pytest.raises(error, match=f"cast_to.*{words}"):
        fastopt.SGD({"a": np.ones(SHAPE), "b": np.ones(SHAPE)}, cast_to=make(*copies))
    assert all((copy == 7).all() for copy in copies)


def test_copies_that_share_memory(backend: str) -> None:
    p = [np.ones(8, np.float32), np.ones(8, np.float32)]
    apart = np.full(8, 7, np.float16)
    twice = np.full(12, 7, np.float16)
    cases: list[tuple[list[Array], str]] = [
        ([apart, apart], "copy of '1' in cast_to shares memory with the copy of '0'"),
        ([twice[:8], twice[4:]], "copy of '1' in cast_to shares memory with the copy of '0'"),
        ([p[0].view(np.float16)[:8], apart], "'0' in cast_to|parameter '0'"),
        ([apart, p[0].view(np.uint16)[8:]], "copy of '1' in cast_to shares memory with parameter '0'"),
    ]
    for copies, words in cases:
        before = digest(*p, apart, twice)
        with pytest.raises(ValueError, match=words):
            fastopt.SGD(p, cast_to=copies, backend=backend)
        assert digest(*p, apart, twice) == before
    fastopt.SGD([p[0]], cast_to=[apart], backend=backend).step([np.ones(8, np.float32)])


def test_a_bound_gradient_in_a_copy(backend: str) -> None:
    p, copy = np.ones(8, np.float32), np.full(16, 7, np.float16)
    g = copy.view(np.float32)
    before = digest(p, copy)
    with pytest.raises(ValueError, match=r"gradient of 'params' shares memory with the copy of"):
        fastopt.SGD(p, cast_to=copy[:8], grads=g, backend=backend)
    assert digest(p, copy) == before


@pytest.mark.parametrize("kind", [np.float16, bfloat16], ids=lambda kind: kind.__name__)
def test_gradients_in_what_is_written(kind: Any, backend: str) -> None:
    p, copy = np.ones(8, np.float32), np.zeros(8, kind)
    options: dict[str, Any] = {"cast_grads": True, "zero_grads": True, "ema": 0.5, "lookahead_steps": 2}
    opt = fastopt.Adam(p, cast_to=copy, backend=backend, **options)
    opt.step(np.ones(8, kind))
    cases: list[tuple[Array, str]] = [
        (copy, "the copy of 'params' in cast_to"),
        (copy[::-1], "the copy of 'params' in cast_to"),
        (opt.ema_state, "the average of 'params'"),
        (opt.slow_state, "the slow weights of 'params'"),
        (opt.state["params"]["m"], "state 'm' of 'params'"),
        (p, "parameter 'params'"),
        (p.view(kind)[:8], "parameter 'params'"),
        (p.view(kind)[::2], "parameter 'params'"),
    ]
    arrays = [p, copy, opt.ema_state, opt.slow_state, *opt.state["params"].values()]
    for g, owner in cases:
        before = digest(*arrays)
        for act in (opt.step, opt.accumulate):
            with pytest.raises(ValueError, match=f"gradient of 'params' shares memory with {owner}"):
                act(g)
        assert digest(*arrays) == before
    assert opt.step_count == 1
    assert opt.step(np.ones(8, kind))


# Gradients that cannot be zeroed.

ZERO_FAULTS: list[tuple[str, Callable[[], list[Any]], str, str]] = [
    ("read-only", lambda: [np.ones(SHAPE), read_only(np.ones(SHAPE))], "'1'", "is read-only"),
    ("broadcast", lambda: [np.ones(SHAPE), np.broadcast_to(np.ones(4), SHAPE)], "'1'", "is read-only"),
    (
        "one row",
        lambda: [as_strided(np.ones(4), SHAPE, (0, 8)), None],
        "'0'",
        "has several elements in one place",
    ),
    (
        "diagonals",
        lambda: [np.ones(SHAPE), as_strided(np.ones(9), SHAPE, (8, 8))],
        "'1'",
        "has several elements in one place",
    ),
    (
        "frozen diagonals backwards",
        lambda: [as_strided(np.ones(9), SHAPE, (8, 8))[::-1, ::-1], np.ones(SHAPE)],
        "'0'",
        "has several elements in one place",
    ),
    (
        "a byte into each other",
        lambda: [np.ones(SHAPE), as_strided(np.ones(12), SHAPE, (28, 7))],
        "'1'",
        "has several elements in one place",
    ),
    (
        "the end of a row into the next",
        lambda: [as_strided(np.ones(10), SHAPE, (24, 8)), None],
        "'0'",
        "has several elements in one place",
    ),
    ("twice", lambda: [np.ones(SHAPE)] * 2, "'[01]'", "shares memory with the gradient of '[01]'"),
    (
        "rows of one",
        lambda: [(a := np.ones((5, 4)))[:3], a[2:]],
        "'[01]'",
        "shares memory with the gradient of '[01]'",
    ),
    (
        "turned round",
        lambda: [(a := np.ones((4, 4)))[:3], a.T[1:]],
        "'[01]'",
        "shares memory with the gradient of '[01]'",
    ),
]


@pytest.mark.parametrize("cast", [False, True])
@pytest.mark.parametrize("case", ZERO_FAULTS, ids=lambda case: case[0])
def test_gradients_that_cannot_be_zeroed(case: Any, cast: bool, backend: str) -> None:
    """Whether the plan takes the step by itself, or leaves it to Python, which can cast."""
    _, make, name, words = case
    p = [np.ones(SHAPE), np.ones(SHAPE)]
    opt = fastopt.Adam(p, zero_grads=True, cast_grads=cast, ema=0.5, backend=backend)
    opt.step([np.ones(SHAPE), np.ones(SHAPE)])
    arrays = [*p, *opt.ema_state, *(a for s in opt.state.values() for a in s.values())]
    g = make()
    before = digest(*arrays, *(x for x in g if x is not None))
    for act in (opt.step, opt.accumulate):
        with pytest.raises(ValueError, match=f"gradient of {name} {words}.*set zero_grads=False"):
            act(g)
    assert digest(*arrays, *(x for x in g if x is not None)) == before
    assert opt.step_count == 1
    opt.zero_grads = False
    assert opt.step(g), "it is only read"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_that_only_reach_across_each_other(dtype: Any, backend: str) -> None:
    memory = np.ones((3, 2, 4, 2), dtype)
    views = [memory[:, 0, :, 0], memory[:, 1, ::-1, 1]]
    p = [np.zeros(SHAPE), np.zeros(SHAPE)]
    opt = fastopt.SGD(p, lr=1.0, zero_grads=True, cast_grads=True, backend=backend)
    opt.step(views)
    assert [x.tolist() for x in p] == [[[-1.0] * 4] * 3] * 2
    assert (memory.sum(), memory[:, 0, :, 1].sum(), memory[:, 1, :, 0].sum()) == (24.0, 12.0, 12.0)


@pytest.mark.parametrize("step", [2, 5, -3])
def test_gradients_whose_rows_end_within_a_step(step: int, backend: str) -> None:
    """A row of 4 elements takes the memory of 3 steps and one element: the next one begins behind."""
    memory = np.ones((3, 3 * abs(step) + 1))
    p = np.zeros(SHAPE)
    opt = fastopt.SGD(p, lr=1.0, zero_grads=True, backend=backend)
    opt.step(memory[:, ::step])
    assert p.tolist() == [[-1.0] * 4] * 3
    assert (memory.sum(), memory[:, ::step].sum()) == (memory.size - p.size, 0.0)


def test_a_bound_gradient_that_cannot_be_zeroed() -> None:
    with pytest.raises(ValueError, match="gradient of 'params' is read-only"):
        fastopt.SGD(np.ones(SHAPE), zero_grads=True, grads=read_only(np.ones(SHAPE)))


def test_empty_gradients_can(backend: str) -> None:
    p = [np.ones((0, 3)), np.ones((3, 0), np.float32)]
    opt = fastopt.SGD(p, zero_grads=True, cast_grads=True, stats=True, ema=0.5, backend=backend)
    opt.step([np.ones((0, 3)), np.broadcast_to(np.ones(0), (3, 0)).copy()])
    opt.step([np.ones((3, 0)).T, np.ones((3, 0), bfloat16)])
    assert opt.step_count == 2


# Gradients that cannot be cast.


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda g: g > 0, TypeError, "dtype bool"),
        (lambda g: g.astype(np.uint16), TypeError, "dtype uint16"),
        (lambda g: g.astype(np.int16), TypeError, "dtype int16"),
        (lambda g: g.astype(np.int64), TypeError, "dtype int64"),
        (lambda g: g.astype(np.longdouble), TypeError, "dtype (longdouble|float128)"),
        (lambda g: g.astype(np.complex64), TypeError, "dtype complex64"),
        (lambda g: g.astype(">f4"), TypeError, "foreign byte order"),
        (lambda g: g.astype(">f2"), TypeError, "foreign byte order"),
        (lambda g: g.astype(object), TypeError, "dtype object"),
        (lambda g: g.astype(bfloat16)[:, :3], ValueError, r"has shape \(3, 3\)"),
        (lambda g: g.astype(np.float16).T, ValueError, r"has shape \(4, 3\)"),
        (lambda g: g.tolist(), TypeError, "is a list"),
    ],
)
@pytest.mark.parametrize("first", [np.float32, np.float16, bfloat16], ids=lambda kind: kind.__name__)
def test_bad_casts(make: Any, error: type[Exception], words: str, first: Any, backend: str) -> None:
    p = [np.ones(SHAPE, np.float32), np.ones(SHAPE, np.float32)]
    opt = fastopt.Adam(p, cast_grads=True, zero_grads=True, backend=backend)
    good = np.ones(SHAPE, first)
    opt.step([good.copy(), good.copy()])
    for where in (0, 1):
        g: list[Any] = [good, good]
        g[where] = make(np.ones(SHAPE, np.float32))
        arrays = [*p, *(a for s in opt.state.values() for a in s.values()), good]
        before = digest(*arrays)
        with pytest.raises(error, match=f"the gradient of '{where}' .*{words}"):
            opt.step(g)
        assert digest(*arrays) == before
    assert opt.step([good.copy(), good.copy()])
    assert opt.step_count == 2
