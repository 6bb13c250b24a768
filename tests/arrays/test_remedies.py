"""What messages about arrays and containers say, done: it works."""

from typing import Any

import numpy as np
import pytest
from faults import SHAPE, Array, of_arrays, remedies
from faults.remedies import done

import fastopt

PARAMETERS = {fault.name: fault for fault in of_arrays.PARAMETER}
GRADIENTS = {fault.name: fault for fault in of_arrays.GRADIENT}


def good() -> Array:
    return np.arange(1, 13, dtype=np.float32).reshape(SHAPE)


def message_of(*words: str, call: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def made(fault: Any) -> Any:
    """Make what is wrong, where the library is there that it is of."""
    try:
        return fault.make(good())
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", remedies.LINES)
def test_of_a_parameter(name: str) -> None:
    bad = made(PARAMETERS[name])
    message = message_of("'w'", call=lambda: fastopt.SGD({"w": bad}, lr=0.5))
    if name == "generator":
        bad = (x for x in [good()])
    params = {"w": done(remedies.LINES[name], bad, "a", message)}
    opt = fastopt.SGD(params, lr=0.5)
    before = {key: p.copy() for key, p in opt.named_parameters().items()}
    assert opt.step(opt._core.bound.parameters.tree([np.ones_like(p) for p in before.values()]))
    for key, p in opt.named_parameters().items():
        assert p.tobytes() == (before[key] - p.dtype.type(0.5)).tobytes()


@pytest.mark.parametrize("name", remedies.OF_GRADIENTS)
def test_of_a_gradient(name: str, backend: str) -> None:
    p = np.zeros(SHAPE, np.float32)
    opt = fastopt.SGD({"w": p}, lr=1.0, backend=backend)
    bad = made(GRADIENTS[name])
    message = message_of("the gradient of 'w'", call=lambda: opt.step({"w": bad}))
    g = done(remedies.OF_GRADIENTS[name], bad, "g", message)
    opt.step({"w": g})
    assert p.tobytes() == (-np.asarray(g.detach() if hasattr(g, "detach") else g)).tobytes()


class Sparse:
    """Converts as the arrays of scipy.sparse do."""

    def __init__(self, a: Array) -> None:
        self.a = a

    def toarray(self) -> Array:
        return self.a


class Quantity:
    """Has a unit, and gives its array without."""

    def __init__(self, a: Array) -> None:
        self.a = a

    @property
    def magnitude(self) -> Array:
        return self.a

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.a


class Labelled:
    """Has names of axes, as the arrays of xarray do."""

    dims = ("x", "y")

    def __init__(self, a: Array) -> None:
        self.a = a

    @property
    def values(self) -> Array:
        return self.a

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.a


OTHERS = [(Sparse, "{}.toarray()"), (Quantity, "{}.magnitude"), (Labelled, "{}.values")]


@pytest.mark.parametrize(("kind", "line"), OTHERS)
def test_parameters_of_other_libraries_share_their_memory(kind: Any, line: str) -> None:
    a = good()
    message = message_of("'w'", call=lambda: fastopt.SGD({"w": kind(a)}))
    assert "np.array(" not in message
    assert done(line, kind(a), "a", message) is a


@pytest.mark.parametrize(("kind", "line"), OTHERS[:2])
def test_gradients_of_other_libraries(kind: Any, line: str, backend: str) -> None:
    p = np.zeros(SHAPE, np.float32)
    opt = fastopt.SGD(p, lr=1.0, backend=backend)
    message = message_of("the gradient of", call=lambda: opt.step(kind(good())))
    opt.step(done(line, kind(good()), "g", message))
    assert p.tobytes() == (-good()).tobytes()


def test_a_sparse_gradient_of_scipy() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    p, g = np.zeros(SHAPE, np.float32), sparse.csr_array(good())
    opt = fastopt.SGD(p, lr=1.0)
    opt.step(done("{}.toarray()", g, "g", message_of(call=lambda: opt.step(g))))
    assert p.tobytes() == (-good()).tobytes()


def test_a_module_of_torch() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(3, 2)
    line = "{{n: t.detach().numpy() for n, t in {}.named_parameters()}}"
    params = done(line, module, "a", message_of(call=lambda: fastopt.SGD(module)))
    opt = fastopt.SGD(params, lr=1.0)
    before = module.weight.detach().numpy().copy()
    opt.step({name: np.ones_like(p) for name, p in params.items()})
    assert module.weight.detach().numpy().tobytes() == (before - np.float32(1.0)).tobytes()


def test_an_array_of_arrays() -> None:
    arrays = np.empty(2, object)
    arrays[:] = [good(), good()]
    message = message_of("'w'", call=lambda: fastopt.SGD({"w": arrays}))
    assert fastopt.SGD({"w": done("list({})", arrays, "a", message)}).names == ["w.0", "w.1"]


def test_two_arrays_by_position() -> None:
    arrays: list[Any] = [good(), good()]
    assert "Adam([W, b])" in message_of(call=lambda: fastopt.Adam(*arrays))
    assert fastopt.Adam(arrays).names == ["0", "1"]


def test_the_same_array_twice() -> None:
    """Tied, or given once, with the gradients of its uses added up."""
    w, twin = good(), good()
    message = message_of("'encode'", call=lambda: fastopt.SGD({"encode": w, "decode": w}))
    assert "np.array(" not in message
    assert "tied='add' makes it one parameter" in message
    tied = fastopt.SGD({"encode": w, "decode": w}, lr=1.0, tied="add")
    tied.step({"encode": good(), "decode": good()})
    assert w.tobytes() == (twin - 2 * good()).tobytes()
    assert "give every array once, and add up the gradients of its uses" in message
    fastopt.SGD({"encode": w}, lr=1.0).step({"encode": good() + good()})
    assert w.tobytes() == (twin - 4 * good()).tobytes()


@pytest.mark.parametrize("tied", [None, "add"])
def test_parameters_with_a_part_in_common(tied: str | None) -> None:
    memory = good().reshape(-1)
    params = {"low": memory[:8], "high": memory[4:]}
    message = message_of("'high'", "'low'", call=lambda: fastopt.SGD(params, tied=tied))
    assert "tied" not in message
    assert "give the array that both are views of once, and add up the gradients" in message
    fastopt.SGD({"both": memory}, lr=1.0).step({"both": np.ones(12, np.float32)})
    assert memory.tobytes() == (good().reshape(-1) - 1).tobytes()


def test_a_field_that_is_no_array() -> None:
    from dataclasses import dataclass

    @dataclass
    class Net:
        w: Any
        activation: Any

    net = Net(good(), "relu")
    message = message_of("params.activation is 'relu'", call=lambda: fastopt.SGD(net))
    line = "{{'w': {}.w}}"
    assert fastopt.SGD(done(line, net, "params", message)).names == ["w"]


def test_every_line_is_of_a_fault() -> None:
    assert set(remedies.LINES) <= set(PARAMETERS)
    assert set(remedies.OF_GRADIENTS) <= set(GRADIENTS)


def test_an_array_of_ctypes(backend: str) -> None:
    """Its buffer says the byte order, which NumPy's own float32 does not."""
    from ctypes import c_float

    numbers = (c_float * 3)(1.0, 2.0, 3.0)
    message = message_of("'w'", call=lambda: fastopt.SGD({"w": numbers}))
    spelled = done("np.asarray({})", numbers, "a", message)
    message = message_of("'w'", call=lambda: fastopt.SGD({"w": spelled}, backend=backend))
    w = done("{}.view(np.float32)", spelled, "a", message)
    opt = fastopt.SGD({"w": w}, lr=0.5, backend=backend)
    opt.step({"w": np.asarray((c_float * 3)(2.0, 2.0, 2.0))})
    assert list(numbers) == [0.0, 1.0, 2.0]
