"""Bad input raises a typed error that names the array and the remedy, and nothing has changed.

One table of faults for parameters, one for gradients, one for hyperparameters; each fault is tried
on every algorithm and backend and at every place in a model.
"""

import warnings
from collections import UserDict
from collections.abc import Callable, Iterator
from fractions import Fraction
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from variants import AFTER_THE_STEP, OWN_DECAY

import fastopt
from fastopt import backends
from fastopt.hyperparameters import Choice, Hyper, Number, Pair
from fastopt.registry import ALGORITHMS, optimizer_class

Array = NDArray[Any]
Words = tuple[str, ...]

SHAPE = (3, 4)
USABLE = [name for name in backends.NAMES if not backends.backend(name).why_not()]


class Arraylike:
    """Converts to an array, as those of other libraries do."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.array


class Subclass(np.ndarray):
    """An array of another kind, such as one with units."""


def good(seed: int, dtype: Any = np.float32) -> Array:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(dtype)


def misaligned(a: Array) -> Array:
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    moved = memory.view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def read_only(a: Array) -> Array:
    a.setflags(write=False)
    return a


def foreign(a: Array) -> Array:
    return a.astype(a.dtype.newbyteorder())


def other_float(a: Array) -> Array:
    return a.astype(np.float64 if a.dtype == np.float32 else np.float32)


def longdouble(a: Array) -> Array:
    if np.dtype(np.longdouble) == np.dtype(np.float64):
        pytest.skip("longdouble is float64 here")
    return a.astype(np.longdouble)


def matrix(a: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matrices are on their way out
        return np.asmatrix(a)


def tensor(a: Array) -> Any:
    return pytest.importorskip("torch").from_numpy(a)


class Fault(NamedTuple):
    """How to make something bad of a good array, and what must be said about it."""

    name: str
    make: Callable[[Array], Any]
    error: type[Exception]
    words: Words


# What is wrong with a parameter and with a gradient alike.
WRONG_KIND = [
    Fault("float", lambda a: 1.5, TypeError, ("float", "np.array(")),
    Fault("int", lambda a: 1, TypeError, ("int", "np.array(")),
    Fault("str", lambda a: "weights", TypeError, ("str", "numpy.ndarray")),
    Fault("object", lambda a: object(), TypeError, ("object", "numpy.ndarray")),
    Fault("masked", lambda a: np.ma.masked_less(a, 0), TypeError, ("MaskedArray", "filled")),
    Fault("matrix", matrix, TypeError, ("matrix", "np.asarray(")),
    Fault("subclass", lambda a: a.view(Subclass), TypeError, ("Subclass", "np.asarray(")),
    Fault("array-like", Arraylike, TypeError, ("Arraylike", "np.array(")),
    Fault("tensor", tensor, TypeError, ("torch.Tensor", "detach().numpy()")),
]
PARAMETER_FAULTS = [
    *WRONG_KIND,
    Fault("numpy scalar", lambda a: a[0, 0], TypeError, ("numpy.float", "np.array(")),
    Fault("None", lambda a: None, TypeError, ("None", "only gradients")),
    Fault("generator", lambda a: (x for x in [a]), TypeError, ("generator", "list(")),
    Fault("dict values", lambda a: {"w": a}.values(), TypeError, ("dict_values", "list(")),
    Fault("other mapping", lambda a: UserDict(w=a), TypeError, ("UserDict", "dict(")),
    Fault("int64", lambda a: a.astype(np.int64), TypeError, ("int64", "astype(")),
    Fault("uint8", lambda a: a.astype(np.uint8), TypeError, ("uint8", "astype(")),
    Fault("bool", lambda a: a > 0, TypeError, ("bool", "astype(")),
    Fault("float16", lambda a: a.astype(np.float16), TypeError, ("float16", "astype(")),
    Fault("longdouble", longdouble, TypeError, ("float128", "astype(")),
    Fault("complex64", lambda a: a.astype(np.complex64), TypeError, ("complex64", "view(")),
    Fault("object dtype", lambda a: a.astype(object), TypeError, ("object", "astype(")),
    Fault("byte-swapped", foreign, TypeError, ("byte order", "newbyteorder(")),
    Fault("datetime", lambda a: a.astype("M8[s]"), TypeError, ("datetime64", "float32 or float64")),
    Fault("text", lambda a: a.astype(str), TypeError, ("<U", "float32 or float64")),
    Fault("structured", lambda a: a.view([("x", a.dtype)]), TypeError, ("float32 or float64",)),
    Fault("columns", lambda a: a[:, ::2], ValueError, ("contiguous", "np.ascontiguousarray(")),
    Fault("reversed", lambda a: a[::-1], ValueError, ("contiguous", "np.ascontiguousarray(")),
    Fault(
        "broadcast",
        lambda a: as_strided(a, SHAPE, (0, a.itemsize)),
        ValueError,
        ("contiguous", "np.ascontiguousarray("),
    ),
    Fault("misaligned", misaligned, ValueError, ("misaligned", "np.array(")),
    Fault("read-only", read_only, ValueError, ("read-only", "np.array(")),
    Fault(
        "of bytes",
        lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(SHAPE),
        ValueError,
        ("read-only", "np.array("),
    ),
]
GRADIENT_FAULTS = [
    *WRONG_KIND,
    Fault("list", lambda a: a.tolist(), TypeError, ("list", "np.array(")),
    Fault("other float", other_float, TypeError, ("its parameter", "astype(np.fl")),
    Fault("int32", lambda a: a.astype(np.int32), TypeError, ("int32", "astype(np.fl")),
    Fault("bool", lambda a: a > 0, TypeError, ("bool", "astype(np.fl")),
    Fault("float16", lambda a: a.astype(np.float16), TypeError, ("float16", "astype(np.fl")),
    Fault("longdouble", longdouble, TypeError, ("float128", "astype(np.fl")),
    Fault("complex64", lambda a: a.astype(np.complex64), TypeError, ("complex64", "astype(np.fl")),
    Fault("object dtype", lambda a: a.astype(object), TypeError, ("object", "astype(np.fl")),
    Fault("byte-swapped", foreign, TypeError, ("byte order", "astype(np.fl")),
    Fault("transposed", lambda a: a.T, ValueError, ("(4, 3)", "(3, 4)", "reshape")),
    Fault("flat", np.ravel, ValueError, ("(12,)", "(3, 4)", "reshape")),
    Fault("batch", lambda a: a[None], ValueError, ("(1, 3, 4)", "(3, 4)", "sum the axes")),
    Fault("broadcastable", lambda a: a[:, :1], ValueError, ("(3, 1)", "(3, 4)", "reshape")),
    Fault("numpy scalar", lambda a: a[0, 0], ValueError, ("()", "(3, 4)", "reshape")),
    Fault("0-d", lambda a: a[0, 0, ...], ValueError, ("()", "(3, 4)", "reshape")),
    Fault("empty", lambda a: a[:0], ValueError, ("(0, 4)", "(3, 4)", "reshape")),
    Fault("no array", lambda a: [], TypeError, ("list", "np.array(")),
]

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


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (list, tuple)):
        for child in tree:
            yield from leaves(child)
    else:
        yield tree


def digest(*trees: Any) -> str:
    """Hash every byte of arrays and optimizers, and what describes them."""
    found = sha256()
    for thing in leaves(trees):
        if isinstance(thing, fastopt.Optimizer):
            found.update(repr((thing.step_count, thing.names, thing.groups)).encode())
            found.update(digest(thing.params, thing.state).encode())
        elif isinstance(thing, np.ndarray):
            found.update(repr((type(thing), thing.dtype, thing.shape, thing.strides)).encode())
            found.update(thing.tobytes())
    return found.hexdigest()


def check_message(error: BaseException, name: str, words: Words) -> None:
    message = str(error)
    for word in (name, *words):
        assert word in message, f"{word!r} is not in {message!r}"


def named(cases: list[Any]) -> dict[str, Any]:
    return {"argvalues": cases, "ids": [case[0] for case in cases]}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", **named(PARAMETER_FAULTS))
def test_bad_parameter(fault: Fault, place: str) -> None:
    build, name = PLACES[place]
    for algorithm, backend in product(ALGORITHMS, USABLE):
        others = [good(1), good(2)]
        bad = fault.make(good(0))
        before = digest(bad, others)
        with pytest.raises(fault.error) as caught:
            fastopt.get(algorithm, build(bad, others), backend=backend)
        assert type(caught.value) is fault.error
        check_message(caught.value, f"'{name}", fault.words)
        assert digest(bad, others) == before


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
    check_message(caught.value, "'0.0'" if groups else "'0'", ("np.array(",))
    check_message(caught.value, "'2.0'" if groups else "'2'", ())
    assert digest(params) == before


def test_read_only_memory_map_is_told_of_its_mode(tmp_path: Path) -> None:
    good(0).tofile(tmp_path / "w")
    mapped = np.memmap(tmp_path / "w", np.float32, "r", shape=SHAPE)
    with pytest.raises(ValueError, match="read-only") as caught:
        fastopt.get("adam", {"w": mapped})
    check_message(caught.value, "'w'", ("'r+'",))


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


DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", **named(GRADIENT_FAULTS))
def test_bad_gradient(fault: Fault, place: str, backend: str) -> None:
    for i, algorithm in enumerate(ALGORITHMS):
        scene = Scene(algorithm, backend, place, DTYPES[i % 2])
        bad = scene.bad(fault.make(good(6, scene.dtype)))
        scene.refuses(bad, fault.error, f"the gradient of '{scene.name}'", fault.words)
        scene.goes_on()


@pytest.mark.parametrize(
    ("gradient", "error", "word"),
    [
        (1.0, TypeError, "is a float"),
        (np.float64(1), TypeError, "dtype float64"),
        (np.int32(1), TypeError, "dtype int32"),
        (np.ones(1, np.float32), ValueError, "shape (1,)"),
    ],
)
def test_bad_gradient_of_a_0d_parameter(
    gradient: Any, error: type[Exception], word: str, backend: str
) -> None:
    params = [good(0), np.array(2, np.float32)]
    opt = fastopt.get("adam", params, backend=backend)
    before = digest(opt)
    with pytest.raises(error) as caught:
        opt.step([good(1), gradient])
    check_message(caught.value, "the gradient of '1'", (word,))
    assert digest(opt) == before
    opt.step([good(1), np.float32(1)])
    assert opt.step_count == 1


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
    return dict(zip(opt.names, leaves(opt.params), strict=True))[name]


def state(opt: fastopt.Optimizer, name: str) -> Any:
    return next(iter(opt.state[name].values()))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", **named(SHARED))
def test_gradient_that_shares_memory(
    case: tuple[str, Callable[[Any, str], Any], str], place: str, backend: str
) -> None:
    _, make, owner = case
    for i, algorithm in enumerate(ALGORITHMS):
        scene = Scene(algorithm, backend, place, DTYPES[i % 2])
        names = scene.opt.names
        owner_ = owner.format(name=scene.name, first=names[0], last=names[-1])
        bad = scene.bad(make(scene.opt, scene.name))
        words = ("shares memory", owner_, "np.array(")
        scene.refuses(bad, ValueError, f"the gradient of '{scene.name}'", words)
        scene.goes_on()


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


def reshape(p: Array) -> None:
    p.shape = (4, 3)


def retype(p: Any) -> None:
    p.dtype = np.int32


def resize(p: Array) -> None:
    p.resize((2, 4), refcheck=False)


# What can become of a parameter behind the optimizer's back.
LATER: list[tuple[str, Callable[[Array], None], type[Exception], Words]] = [
    ("read-only", lambda p: p.setflags(write=False), ValueError, ("read-only", "np.array(")),
    ("reshaped", reshape, ValueError, ("another shape", "make a new optimizer")),
    ("another dtype", retype, TypeError, ("int32",)),
    ("resized", resize, ValueError, ("another shape", "make a new optimizer")),
]


@pytest.mark.parametrize("case", **named(LATER))
def test_parameter_that_has_changed(
    case: tuple[str, Callable[[Array], None], type[Exception], Words], backend: str
) -> None:
    _, change, error, words = case
    params = [good(0), good(1), good(2)]
    opt = fastopt.get("adam", params, backend=backend)
    opt.step([good(3), good(4), good(5)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy is about to give up some of these
        try:
            change(params[1])
        except ValueError:  # a guard on the array has refused it, which is as good
            return
    # With a gradient in the new shape, so that nothing but the parameter is wrong.
    grads = [good(3), np.ones(params[1].shape, np.float32), good(5)]
    before = digest(opt, grads)
    with pytest.raises(error) as caught:
        opt.step(grads)
    check_message(caught.value, "parameter '1'", words)
    assert digest(opt, grads) == before


def test_state_that_has_become_read_only_is_not_written(backend: str) -> None:
    opt = fastopt.get("adam", [good(0), good(1)], backend=backend)
    opt.state["1"]["v"].setflags(write=False)
    before = digest(opt)
    with pytest.raises(ValueError, match="read-only") as caught:
        opt.step([good(2), good(3)])
    check_message(caught.value, "'v' of '1'", ())
    assert digest(opt) == before


def plain(a: Array, where: Path) -> Array:
    return a


def mapped(mode: Any) -> Callable[[Array, Path], Array]:
    def make(a: Array, where: Path) -> Array:
        a.tofile(where)
        return np.memmap(where, a.dtype, mode, shape=a.shape)

    return make


def in_bytearray(a: Array, where: Path) -> Array:
    return np.frombuffer(bytearray(a.tobytes()), a.dtype).reshape(a.shape)


def odd_offset(a: Array, where: Path) -> Array:
    """Aligned for its dtype, and for nothing wider."""
    moved = np.zeros(a.size + 3, a.dtype)[3:].reshape(a.shape)
    moved[...] = a
    return moved


@pytest.mark.parametrize(
    ("param", "gradient"),
    [
        (mapped("r+"), plain),
        (mapped("c"), mapped("c")),
        (plain, mapped("r")),
        (plain, lambda a, where: read_only(a)),
        (in_bytearray, in_bytearray),
        (odd_offset, plain),
        (plain, odd_offset),
        (lambda a, where: np.asfortranarray(a), plain),
        (plain, lambda a, where: misaligned(a)),
    ],
    ids=[
        "memmap r+", "memmap c", "gradient memmap r", "gradient read-only", "bytearray",
        "odd offset", "gradient odd offset", "F order", "gradient misaligned",
    ],
)  # fmt: skip
def test_accepted(
    param: Callable[[Array, Path], Array],
    gradient: Callable[[Array, Path], Array],
    backend: str,
    tmp_path: Path,
) -> None:
    p, q = param(good(0), tmp_path / "p"), good(0)
    opt, twin = (fastopt.get("adam", {"w": x}, backend=backend) for x in (p, q))
    for seed in (1, 2):
        g = gradient(good(seed), tmp_path / f"g{seed}")
        opt.step({"w": g})
        twin.step({"w": good(seed)})
        assert g.tobytes() == good(seed).tobytes()
    assert p.tobytes() == q.tobytes()
    assert not np.array_equal(p, good(0))
    if isinstance(p, np.memmap) and p.mode == "r+":
        p.flush()
        assert (tmp_path / "p").read_bytes() == q.tobytes()


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


# Hyperparameters.

HYPERPARAMETERS = [
    (algorithm, name) for algorithm in ALGORITHMS for name in optimizer_class(algorithm).hyperparameters
]


NOT_NUMBERS: list[Any] = [
    "0.1",
    b"1",
    None,
    True,
    np.True_,
    [0.1],
    (0.1,),
    {},
    1j,
    np.ones(1),
    object,
]
NOT_PAIRS: list[Any] = [
    0.9,
    None,
    "ab",
    True,
    {0.9, 0.99},
    np.array(0.9),
    {0: 0.9, 1: 0.99},
    iter("ab"),
]
NOT_FLAGS: list[Any] = [0, 1, 1.0, "yes", "", None, [], np.nan, np.int8(1)]
NOT_FINITE: list[Any] = [np.nan, np.inf, -np.inf, np.float32("nan"), np.array(np.inf)]


def bad_numbers(hyper: Number) -> Iterator[tuple[Any, type[Exception]]]:
    for value in NOT_FINITE:
        yield value, ValueError
    if np.isfinite(hyper.at_least):
        yield np.nextafter(hyper.at_least, -np.inf), ValueError
        yield -1, ValueError
    if np.isfinite(hyper.at_most):
        yield np.nextafter(hyper.at_most, np.inf), ValueError
    for limit in (hyper.above, hyper.below):
        if np.isfinite(limit):
            yield limit, ValueError
    for value in NOT_NUMBERS:
        if value is not None or not hyper.optional:
            yield value, TypeError


def bad_values(hyper: Hyper) -> Iterator[tuple[Any, type[Exception]]]:
    if isinstance(hyper, Number):
        yield from bad_numbers(hyper)
    elif isinstance(hyper, Pair):
        a, b = hyper.default
        for value, error in bad_numbers(hyper.each):
            yield (value, b), error
            yield [a, value], error
        for wrong_length in ((), (a,), (a, b, b), np.zeros(3)):
            yield wrong_length, ValueError
        for value in NOT_PAIRS:
            yield value, TypeError
    else:
        assert isinstance(hyper, Choice)
        words = any(isinstance(value, str) for value in hyper.values)
        for value in NOT_FLAGS:
            yield value, ValueError if words and isinstance(value, str) else TypeError


def attribute(opt: fastopt.Optimizer, name: str, value: Any) -> None:
    setattr(opt, name, value)


def group(opt: fastopt.Optimizer, name: str, value: Any) -> None:
    opt.groups[1][name] = value


@pytest.mark.parametrize(("algorithm", "name"), HYPERPARAMETERS)
def test_bad_hyperparameter(algorithm: str, name: str) -> None:
    cls = optimizer_class(algorithm)
    hyper = cls.hyperparameters[name]
    opt, twin = (
        fastopt.get(algorithm, [{"params": good(0)}, {"params": good(1)}], backend="numpy")
        for _ in range(2)
    )
    before = digest(opt)
    tried = 0
    for value, error in bad_values(hyper):
        with pytest.raises(error) as by_keyword:
            cls(good(0), **{name: value})
        with pytest.raises(error) as in_group:
            cls([{"params": good(0)}, {"params": good(1), name: value}])
        with pytest.raises(error) as by_attribute:
            attribute(opt, name, value)
        with pytest.raises(error) as by_group:
            group(opt, name, value)
        for caught in (by_keyword, in_group, by_attribute, by_group):
            assert type(caught.value) is error, value
            check_message(caught.value, name, ("must be",))
        assert digest(opt) == before
        tried += 1
    assert tried >= 9
    for o in (opt, twin):
        o.step([good(2), good(3)])
    assert digest(opt) == digest(twin)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_hyperparameters_by_position(algorithm: str) -> None:
    cls: Any = optimizer_class(algorithm)
    for positional in ((0.1,), (0.1, (0.9, 0.999)), (None,)):
        with pytest.raises(TypeError, match="by keyword alone, as in lr=1e-3") as caught:
            cls(good(0), *positional)
        check_message(caught.value, cls.__name__, (repr(positional[0]),))


@pytest.mark.parametrize("value", [10**400, Fraction(10**400, 3)], ids=["int", "fraction"])
def test_number_too_large_for_a_float(value: Any) -> None:
    opt = fastopt.get("adam", [{"params": good(0)}, {"params": good(1), "lr": 0.5}])
    before = digest(opt)
    for change in (attribute, group):
        with pytest.raises(ValueError, match=r"lr .*is .*must be a finite number"):
            change(opt, "lr", value)
        assert digest(opt) == before


def good_values(hyper: Hyper) -> Iterator[tuple[Any, Any]]:
    """Give values that are accepted, with what they are stored as."""
    if isinstance(hyper, Number):
        default = 1.5 if hyper.default is None else float(hyper.default)
        inside = (x for x in (0, 1) if hyper.at_least <= x <= hyper.at_most)
        whole = next((x for x in inside if hyper.above < x < hyper.below), None)
        yield np.float32(default), float(np.float32(default))
        yield np.float64(default), default
        yield np.array(default), default
        yield np.array(default, np.float32), float(np.float32(default))
        yield Fraction(default), default
        if whole is not None:
            yield whole, float(whole)
            yield np.int64(whole), float(whole)
        if hyper.optional:
            yield None, None
    elif isinstance(hyper, Pair):
        a, b = (0.5, 0.75)
        for pair in ((a, b), [a, b], np.array([a, b]), (np.float32(a), np.array(b))):
            yield pair, (a, b)
        yield (0, b), (0.0, b)
    else:
        assert isinstance(hyper, Choice)
        for value in hyper.values:
            yield value, value
            if isinstance(value, bool):
                yield np.bool_(value), value


@pytest.mark.parametrize(("algorithm", "name"), HYPERPARAMETERS)
def test_good_hyperparameter(algorithm: str, name: str) -> None:
    cls = optimizer_class(algorithm)
    opt = cls(good(0), backend="numpy")
    default = opt.groups[0][name]
    assert default == cls.hyperparameters[name].default
    for value, stored in good_values(cls.hyperparameters[name]):
        if (name in ("nesterov", "cautious_weight_decay") and value) or stored == "corrected":
            continue  # needs another to change with it
        if algorithm in OWN_DECAY and name in AFTER_THE_STEP and value:
            continue
        if algorithm == "adamwschedulefree" and stored == (0.0, 0.75):
            continue  # needs a first beta > 0
        set_at_once = cls([{"params": good(0), name: value}], **{name: default})
        for change in (attribute, lambda o, n, v: o.groups[0].__setitem__(n, v)):
            opt.groups[0][name] = default
            change(opt, name, value)
            for found in (opt.groups[0][name], getattr(opt, name), set_at_once.groups[0][name]):
                assert found == stored
                assert type(found) is type(stored)
        opt.step(good(1))


def test_hyperparameters_that_do_not_go_together_change_nothing() -> None:
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        fastopt.get("sgd", good(0), nesterov=True)
    groups = [{"params": good(0), "momentum": 0.9}, {"params": good(1)}]
    opt: Any = fastopt.get("sgd", groups)
    before = digest(opt)
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0"):
        opt.nesterov = True  # fits the first group and not the second
    assert digest(opt) == before


def test_update_of_a_group_is_one_change() -> None:
    opt = fastopt.get("sgd", good(0))
    before = digest(opt)
    with pytest.raises(ValueError, match="lr is -1"):
        opt.groups[0].update({"weight_decay": 0.1, "lr": -1})
    assert digest(opt) == before
    opt.groups[0].update({"nesterov": True, "momentum": 0.5})  # each needs the other
    assert opt.groups[0]["nesterov"]
    assert opt.groups[0]["momentum"] == 0.5


# Names that nobody knows, and the name that was meant.
UNKNOWN: list[tuple[str, Callable[[], Any], type[Exception], Words]] = [
    ("keyword", lambda: fastopt.get("adam", good(0), beta=1), TypeError, ("'beta'", "'betas'")),
    ("far off", lambda: fastopt.get("adam", good(0), zzz=1), TypeError, ("'zzz'", "betas", "eps")),
    (
        "keyword of another",
        lambda: fastopt.get("adam", good(0), momentum=0.9),
        TypeError,
        ("'momentum'", "betas"),
    ),
    (
        "key of a group",
        lambda: fastopt.get("adam", [{"params": good(0), "weightdecay": 0}]),
        TypeError,
        ("'weightdecay'", "'weight_decay'"),
    ),
    (
        "written to a group",
        lambda: fastopt.get("adam", good(0)).groups[0].update(epsilon=0.1),
        TypeError,
        ("'epsilon'", "eps"),
    ),
    (
        "read from a group",
        lambda: fastopt.get("adam", good(0)).groups[0]["amsgard"],
        KeyError,
        ("'amsgard'", "'amsgrad'"),
    ),
    (
        "private of a group",
        lambda: fastopt.get("adam", good(0)).groups[0]["__class__"],
        KeyError,
        ("'__class__'",),
    ),
    (
        "written attribute",
        lambda: attribute(fastopt.get("sgd", good(0)), "momentom", 0.9),
        AttributeError,
        ("'momentom'", "'momentum'"),
    ),
    ("algorithm", lambda: fastopt.get("adm", good(0)), ValueError, ("'adm'", "'adam'", "sgd")),
    ("no name", lambda: fastopt.get(None, good(0)), ValueError, ("None", "sgd")),  # type: ignore[arg-type]
    (
        "backend",
        lambda: fastopt.get("adam", good(0), backend="nativ"),
        ValueError,
        ("'nativ'", "'native'"),
    ),
    ("no parameters", lambda: fastopt.get("adam", []), ValueError, ("params", "empty")),
    (
        "numbers for arrays",
        lambda: fastopt.get("adam", [[1.0, 2.0], [3.0, 4.0]]),
        TypeError,
        ("'0.0'", "np.array("),
    ),
    (
        "empty tree",
        lambda: fastopt.get("adam", {"a": [], "b": {}}),
        ValueError,
        ("params", "empty"),
    ),
    (
        "same name",
        lambda: fastopt.get("adam", {"a.b": good(0), "a": {"b": good(1)}}),
        ValueError,
        ("'a.b'", "rename"),
    ),
    (
        "one group outside a list",
        lambda: fastopt.get("adam", {"params": good(0), "lr": 0.1}),
        TypeError,
        ("'lr'", "group"),
    ),
    (
        "group without parameters",
        lambda: fastopt.get("adam", [{"params": good(0)}, {"lr": 0.1}]),
        TypeError,
        ("lr'", "group"),
    ),
    ("base class", lambda: fastopt.Optimizer(good(0)), TypeError, ("Optimizer", "rule")),
]


@pytest.mark.parametrize("case", **named(UNKNOWN))
def test_unknown_name(case: tuple[str, Callable[[], Any], type[Exception], Words]) -> None:
    _, call, error, words = case
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    check_message(caught.value, words[0], words)


def test_groups_keep_their_parameters_and_keys() -> None:
    opt = fastopt.get("adam", good(0))
    before = digest(opt)
    with pytest.raises(TypeError, match="make a new optimizer"):
        opt.groups[0]["params"] = good(1)
    with pytest.raises(TypeError, match="cannot be deleted"):
        del opt.groups[0]["lr"]
    assert digest(opt) == before
    assert list(opt.groups[0]) == ["params", *type(opt).hyperparameters]
    assert len(opt.groups[0]) == 1 + len(type(opt).hyperparameters)
