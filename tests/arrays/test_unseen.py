"""Arrays that the model has let go of, and the optimizer has not: a warning after the second step."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
from fastopt.step.references import counted, unseen

Array = NDArray[Any]
Adam: Any = fastopt.Adam

pytestmark = pytest.mark.filterwarnings("error")
CATEGORY = fastopt.UnseenArrayWarning


class Layer:
    """A layer as teachers write it."""

    def __init__(self, rows: int = 3, columns: int = 4) -> None:
        self.W = np.ones((rows, columns))
        self.dW = np.ones((rows, columns))


@dataclasses.dataclass
class Model:
    W: Array
    b: Array


class Pair(NamedTuple):
    W: Array
    b: Array


def ones(tree: Any) -> Any:
    """Make gradients in the structure of parameters."""
    if isinstance(tree, dict):
        return {key: ones(each) for key, each in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [
            ones(each["params"] if isinstance(each, dict) and "params" in each else each)
            for each in tree
        ]
    return np.ones_like(tree)


def params_of(tree: Any) -> Any:
    """Return the parameters of a group, and what is none as it is."""
    return tree["params"] if isinstance(tree, dict) and "params" in tree else tree


def told(opt: Any, grads: Any, steps: int = 4) -> list[str]:
    """Take some steps; return the warnings, all of which have to come with the second step."""
    found = []
    for t in range(steps):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opt.step(grads)
        if t != 1:
            assert not caught, str(caught[0].message)
        for each in caught:
            assert each.category is CATEGORY
            assert each.filename == __file__
            found.append(str(each.message))
    return found


def layers_replaced(backend: str) -> tuple[Any, Any]:
    layers = [Layer(), Layer()]
    opt = Adam([layer.W for layer in layers], backend=backend)
    grads = ones([layer.W for layer in layers])
    for layer in layers:
        layer.W = layer.W - 1.0
    return opt, grads


def as_dict(backend: str) -> tuple[Any, Any]:
    model = Model(np.ones(3), np.ones(2))
    opt = Adam(dataclasses.asdict(model), backend=backend)
    return opt, {"W": np.ones(3), "b": np.ones(2)}


def replaced_pair(backend: str) -> tuple[Any, Any]:
    pair = Pair(np.ones(3), np.ones(2))
    opt = Adam(pair, backend=backend)
    pair = pair._replace(W=pair.W - 1.0, b=pair.b - 1.0)
    return opt, [np.ones(3), np.ones(2)]


def values_of_dict(backend: str) -> tuple[Any, Any]:
    params = {"W": np.ones(3), "b": np.ones(2)}
    opt = Adam(list(params.values()), backend=backend)
    params["W"] = params["W"] - 1.0
    params["b"] = params["b"] - 1.0
    return opt, [np.ones(3), np.ones(2)]


def copies_in_groups(backend: str) -> tuple[Any, Any]:
    layers = [Layer(), Layer()]
    groups = [{"params": [layer.W.copy()], "lr": 0.1} for layer in layers]
    opt = Adam(groups, backend=backend)
    del groups
    return opt, [[np.ones((3, 4))], [np.ones((3, 4))]]


def reshaped(backend: str) -> tuple[Any, Any]:
    opt = Adam([np.arange(12.0).reshape(3, 4), np.zeros(6)[1:]], backend=backend)
    return opt, [np.ones((3, 4)), np.ones(5)]


LOST: list[Callable[[str], tuple[Any, Any]]] = [
    *(layers_replaced, as_dict, replaced_pair, values_of_dict, copies_in_groups, reshaped),
]


@pytest.mark.parametrize("make", LOST, ids=lambda make: make.__name__)
def test_what_the_model_has_let_go_of_is_named_once(make: Any, backend: str) -> None:
    opt, grads = make(backend)
    (message,) = told(opt, grads)
    first, second = opt.names
    assert message.startswith(f"nothing refers to parameters {first!r}, {second!r} but this optimizer")
    assert "[...] = " in message
    assert "category=fastopt.UnseenArrayWarning" in message


def test_gradients_that_are_replaced(backend: str) -> None:
    layers = [Layer(), Layer()]
    weights = [layer.W for layer in layers]
    opt = Adam(weights, grads=[layer.dW for layer in layers], backend=backend)
    layers[1].dW = layers[1].dW * 2.0
    (message,) = told(opt, None)
    assert message.startswith(
        "nothing refers to the gradient of '1' bound with grads= but this optimizer"
    )
    assert "parameter" not in message


@pytest.mark.parametrize("what", ["write", "container", "read", "pass", "filter"])
def test_the_remedies_work(what: str, backend: str) -> None:
    layer, x = Layer(), 0.5
    params = [layer.W]
    if what == "write":
        opt = Adam([layer.W], backend=backend)
        layer.W[...] = layer.W - x
    elif what == "container":
        opt = Adam(params, backend=backend)
        layer.W = np.zeros((3, 4))
    elif what == "read":
        opt = Adam([np.zeros((3, 4))], backend=backend)
        assert opt.params[0].shape == (3, 4)
    elif what == "pass":
        opt = Adam([layer.W], grads=[np.ones((3, 4))], backend=backend)
        (message,) = told(opt, None)
        assert "pass the gradients to step(grads)" in message
        opt = Adam([layer.W], backend=backend)
    else:
        opt = Adam([np.zeros((3, 4))], backend=backend)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=fastopt.UnseenArrayWarning)
            opt.step([layer.dW])
            opt.step([layer.dW])
    assert told(opt, [layer.dW]) == []


class Base:
    """Memory that is no array's."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


def in_a_list(backend: str, held: list[Any]) -> Any:
    held.append([np.ones(3)])
    return Adam(held[-1], backend=backend)


def in_a_part(backend: str, held: list[Any]) -> Any:
    held.append({"w": np.ones(3)})
    return Adam({"a": held[-1], "b": [{"c": held[-1]["w"][:0]}]}, backend=backend)


def in_a_group(backend: str, held: list[Any]) -> Any:
    held.append([np.ones(3)])
    return Adam([{"params": held[-1], "lr": 0.1}], backend=backend)


def by_arrays(backend: str, held: list[Any]) -> Any:
    held.append(np.ones(3))
    return Adam({"w": held[-1]}, groups={"*": {"lr": 0.1}}, backend=backend)


def by_a_view(backend: str, held: list[Any]) -> Any:
    w = np.ones(3)
    held.append(w[1:])
    return Adam([w], backend=backend)


def by_the_owner(backend: str, held: list[Any]) -> Any:
    held.append(np.ones(7))
    return Adam([held[-1][:3], held[-1][3:].reshape(2, 2)], backend=backend)


def by_another_view(backend: str, held: list[Any]) -> Any:
    memory = np.ones(7)
    held.append(memory[:1])
    return Adam([memory[:3]], backend=backend)


def in_bytes(backend: str, held: list[Any]) -> Any:
    return Adam([np.frombuffer(bytearray(24))], backend=backend)


def in_other_memory(backend: str, held: list[Any]) -> Any:
    return Adam([np.asarray(Base(np.ones(3)))], backend=backend)


def by_copies(backend: str, held: list[Any]) -> Any:
    held.append([np.zeros(3, np.float16)])
    return Adam([np.ones(3)], cast_to=held[-1], backend=backend)


def by_a_function(backend: str, held: list[Any]) -> Any:
    w = np.ones(3)
    held.append(lambda: w)
    return Adam([w], backend=backend)


def read_of_a_group(backend: str, held: list[Any]) -> Any:
    opt = Adam([np.ones(3)], backend=backend)
    dict(opt.groups[0])
    return opt


def read_by_a_hook(backend: str, held: list[Any]) -> Any:
    opt = Adam([np.ones(3)], backend=backend)
    opt.before_step(lambda opt: held.append(opt.params[0].sum()))
    return opt


SEEN = [
    *(in_a_list, in_a_part, in_a_group, by_arrays, by_a_view, by_the_owner, by_another_view, in_bytes),
    *(in_other_memory, by_copies, by_a_function, read_of_a_group, read_by_a_hook),
]


@pytest.mark.parametrize("make", SEEN, ids=lambda make: make.__name__)
def test_what_something_else_refers_to_is_none_of_them(make: Any, backend: str) -> None:
    held: list[Any] = []
    opt = make(backend, held)
    assert told(opt, ones(opt._core.bound.params)) == []


def scenes(backend: str) -> list[Any]:
    """Return optimizers of all kinds, of whose arrays nothing else has any."""

    def w(*shape: int) -> Array:
        return np.ones(shape or 3)

    def f(*shape: int) -> Array:
        return np.asfortranarray(np.ones(shape))

    add = Adam({"a": w()}, groups={"*": {"lr": 0.1}}, backend=backend)
    add.add_params({"b": w(2, 2), "c": w(3, 4).T.copy()}, lr=0.5)
    gone = Adam([w(), w(), w()], backend=backend)
    gone.remove_params("1")
    other = fastopt.SGD([w(), f(3, 4)], backend=backend)
    other.step([w(), w(3, 4)])
    other.momentum = 0.9  # another plan
    loaded = Adam([w()], backend=backend)
    loaded.load_state_dict(loaded.state_dict())
    summed = Adam([w()], gradient_accumulation_steps=2, backend=backend)
    summed.accumulate([w()])
    summed.flush()
    return [
        *(add, gone, other, loaded, summed),
        Adam(w(), backend=backend),
        Adam((w(), (w(), [w()])), grads=[w(), [w(), [w()]]], backend=backend),
        Adam({"a": w(3, 4).reshape(4, 3), "b": f(3, 4), "c": w().astype(np.float32)}, backend=backend),
        Adam([{"params": [w()]}, {"params": {"a": w(), "b": [w()[1:]]}}], backend=backend),
        Adam([w(), w()], ema=0.9, lookahead_steps=2, stats=True, global_clipnorm=1.0, backend=backend),
        Adam([w(), w()], groups=fastopt.no_decay, backend=backend),
        Adam([w()], grads=[w(3, 3)[:, 1]], backend=backend),
    ]


def test_references_are_counted_exactly(backend: str) -> None:
    for opt in scenes(backend):
        for kind in ("params", "grads"):
            if getattr(opt._core.bound, kind) is None:
                continue
            for _ in range(2):
                others = counted(opt._core, kind)[0]
                assert set(others.values()) == {0}, (opt, kind, others)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", CATEGORY)
                    opt.step(
                        None if opt._core.bound.grads is not None else ones(opt._core.bound.params)
                    )
        names = opt.names
        assert unseen(opt._core) == names
        keep = opt._core.bound.parameters.arrays[-1]
        assert unseen(opt._core) == names[:-1]
        assert list(counted(opt._core, "params")[0].values()).count(1) == 1
        del keep
        assert unseen(opt._core) == names


def test_what_hooks_see_is_what_it_was(backend: str) -> None:
    seen: list[Any] = []
    opt = Adam([np.ones(3)], backend=backend)
    opt.after_step(lambda opt: seen.append(("first", opt.step_count)))
    remove = opt.after_step(lambda opt: seen.append(("second", opt.step_count)))
    (_,) = told(opt, [np.ones(3)], steps=2)
    remove()
    opt.step([np.ones(3)])
    assert seen == [("first", 1), ("second", 1), ("first", 2), ("second", 2), ("first", 3)]


def test_as_an_error_it_comes_after_the_step_and_once(backend: str) -> None:
    opt, other = Adam([np.ones(3)], backend=backend), Adam([np.ones(3)], backend=backend)
    opt.step([np.ones(3)])
    with pytest.raises(CATEGORY, match="nothing refers to parameter '0'"):
        opt.step([np.ones(3)])
    assert opt.step_count == 2
    opt.step([np.ones(3)])
    assert other.params is not None
    for _ in range(3):
        other.step([np.ones(3)])
    assert opt.params[0].tobytes() == other.params[0].tobytes()


def test_steps_of_accumulate_count_and_those_left_out_do_not(backend: str) -> None:
    opt = Adam([np.ones(3)], gradient_accumulation_steps=2, nonfinite="skip", backend=backend)
    bad, good = [np.full(3, np.nan)], [np.ones(3)]
    for grads in (good, good, bad, bad, bad, bad, good):
        opt.accumulate(grads)
    assert (opt.step_count, opt.skipped) == (1, 2)
    with pytest.warns(CATEGORY):
        opt.accumulate(good)


def test_at_most_three_names(backend: str) -> None:
    held = np.ones(3)
    opt = Adam([np.ones(3), held, *(np.ones(3) for _ in range(5))], backend=backend)
    (message,) = told(opt, [np.ones(3)] * 7)
    assert message.startswith("nothing refers to parameters '0', '2', '3' and 3 more but this")


def test_parameters_that_come_later_are_looked_at_too(backend: str) -> None:
    layer, params = Layer(), [np.ones(3)]
    opt = Adam(params, backend=backend)
    assert told(opt, [np.ones(3)]) == []
    opt.add_params([layer.W])
    params = []
    layer.W = layer.W - 1.0
    (message,) = told(opt, [np.ones(3), np.ones((3, 4))])
    assert "'0', '1'" in message


def test_a_loop_of_training_that_gets_the_optimizer_s_own_parameters(backend: str) -> None:
    opt = Adam([np.ones(3)], backend=backend)
    fastopt.fit(lambda p, x: (1.0, [np.ones(3)]), opt.params, opt, np.zeros((8, 1)), epochs=3)
    assert opt.step_count > 2


def test_a_tied_array_is_seen_in_any_of_its_places(backend: str) -> None:
    layers = [Layer(), Layer(4, 4), Layer()]
    layers[2].W = layers[0].W.T
    opt = Adam([layer.W for layer in layers], tied="add", backend=backend)
    layers[0].W, layers[1].W = layers[0].W - 1, layers[1].W - 1
    (message,) = told(opt, ones(opt._core.bound.params))
    assert "nothing refers to parameter '1' but" in message
    opt = Adam([layer.W for layer in (Layer(), Layer())] * 2, tied="add", backend=backend)
    (message,) = told(opt, ones(opt._core.bound.params))
    assert "nothing refers to parameters '0', '1' but" in message
