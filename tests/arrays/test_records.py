"""NamedTuples, dataclasses and None as containers of parameters and gradients."""

import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastopt
from fastopt.arrays.structure import Structure


class Layer(NamedTuple):
    w: Any
    b: Any


class Turned(NamedTuple):
    b: Any
    w: Any


@dataclass
class Net:
    first: Any
    layers: Any = field(default_factory=list)
    extra: Any = None

    def __post_init__(self) -> None:
        self.layers = list(self.layers)  # would fail on what is no iterable


@dataclass(frozen=True, slots=True)
class Frozen:
    w: Any


def ones(k: float = 1.0) -> Any:
    return np.full((2, 3), k, np.float32)


def net(k: float = 0.0) -> Net:
    return Net(Layer(ones(k), ones(k + 1)), [Frozen(ones(k + 2)), {"u": ones(k + 3)}])


NAMES = ["first.w", "first.b", "layers.0.w", "layers.1.u"]
GRADS: dict[str, Any] = {
    "the same": lambda: net(4.0),
    "dicts": lambda: {
        "extra": None,
        "layers": [{"w": ones(6)}, {"u": ones(7)}],
        "first": {"b": ones(5), "w": ones(4)},
    },
    "a tuple": lambda: Net((ones(4), ones(5)), net(4.0).layers, extra=[]),
    "a field in another place": lambda: Net(Turned(w=ones(4), b=ones(5)), net(4.0).layers),
}


@pytest.mark.parametrize("grads", GRADS)
def test_names_and_values(grads: str, backend: str) -> None:
    params, before = net(), net()
    opt = fastopt.SGD(params, lr=0.5, backend=backend)
    assert opt.names == NAMES
    for _ in range(2):
        assert opt.step(GRADS[grads]())
    for k, (name, p) in enumerate(opt.named_parameters().items()):
        assert (name, p.tobytes()) == (NAMES[k], ones(k - (k + 4)).tobytes())
    assert params.first.w is opt.named_parameters()["first.w"]
    assert before.extra is params.extra is None


def test_the_same_types_come_back(backend: str) -> None:
    opt = fastopt.SGD(net(), lr=1.0, ema=0.5, lookahead_steps=3, backend=backend)
    opt.step(net(4.0))
    for shown in (opt.ema_state, opt.slow_state):
        assert [type(shown), type(shown.first), type(shown.layers[0])] == [Net, Layer, Frozen]
        assert shown.extra is None
        with pytest.raises(
            TypeError, match=r"opt\.(ema|slow)_state\.layers\[1\].*\['u'\]\[\.\.\.\] = x"
        ):
            shown.layers[1]["u"] = ones()
    halves = Net(Layer(*np.zeros((2, 2, 3), np.float16)), [Frozen(np.zeros((2, 3), np.float16)), None])
    halves.layers[1] = {"u": np.zeros((2, 3), np.float16)}
    fastopt.SGD(net(), cast_to=halves, backend=backend)
    assert float(halves.layers[1]["u"][0, 0]) == 3.0


def test_an_array_that_was_replaced(backend: str) -> None:
    params = net()
    opt = fastopt.SGD(params, backend=backend)
    kept, params.layers[0] = params.layers[0], Frozen(ones(2))
    with pytest.raises(
        ValueError, match=r"params\.layers\[0\]\.w\[\.\.\.\] = params\.layers\[0\]\.w - x"
    ):
        opt.step(net())
    params.layers[0] = kept
    params.extra = ones()
    with pytest.raises(
        TypeError, match=r"params\.extra is of type ndarray, where the parameters had None"
    ):
        opt.step(net())


@pytest.mark.parametrize(
    ("grads", "error", "words"),
    [
        (
            lambda: ones(),
            TypeError,
            "grads is of type ndarray; it must be a Net, or a dict with the fields",
        ),
        (lambda: [1, 2, 3], TypeError, "grads is of type list"),
        (
            lambda: Net(Layer(ones(), ones())),
            ValueError,
            r"grads\.layers has 0 entries; there must be 2",
        ),
        (lambda: {"first": None, "layers": None}, ValueError, "missing: 'extra'"),
        (lambda: Net(Frozen(ones()), net().layers), ValueError, r"grads\.first .*missing: 'b'"),
        (lambda: Net(None, [None, None], ones()), TypeError, r"grads\.extra is of type ndarray"),
    ],
)
def test_gradients_in_another_structure(grads: Any, error: Any, words: str, backend: str) -> None:
    opt = fastopt.SGD(net(), backend=backend)
    with pytest.raises(error, match=words):
        opt.step(grads())
    assert opt.step_count == 0


def test_none_has_no_name_and_no_state(backend: str) -> None:
    params = [None, ones(), {"w": None, "b": ones()}, None]
    opt = fastopt.Adam(params, backend=backend)
    assert opt.names == ["1", "2.b"] == list(opt.state)
    for grads in (
        [None, ones(), {"w": {}, "b": ones()}, ()],
        [[], ones(), {"w": None, "b": None}, None],
    ):
        assert opt.step(grads)
    assert [np.any(p != 1) for p in opt.named_parameters().values()] == [True, True]
    with pytest.raises(ValueError, match="no parameters"):
        fastopt.Adam([None])


def test_plain_containers_keep_their_form() -> None:
    """What the extension lists by itself: no kind of container has made that another one."""
    assert Structure([ones(), {"w": ones(), "b": (ones(),)}]).form == (None, {"w": None, "b": (None,)})


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="references are not counted")
def test_what_nothing_refers_to_is_found() -> None:
    def steps(params: Any) -> None:
        opt = fastopt.SGD(params)
        del params
        for _ in range(2):
            opt.step([ones(), None])

    with pytest.warns(fastopt.UnseenArrayWarning, match="parameter '0'"):
        steps([ones(), None])
    held = Frozen(ones())
    opt = fastopt.SGD([held])
    for _ in range(2):
        opt.step([Frozen(ones())])
