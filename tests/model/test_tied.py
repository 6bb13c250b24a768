"""Tied arrays are one parameter: the bits of one whose gradients have been added by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastopt

Array = Any
DTYPES = [np.float32, np.float64]


def random(shape: tuple[int, ...], seed: int, dtype: Any = np.float32) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def single(values: list[float]) -> Array:
    return np.array(values, np.float32)


def model(dtype: Any = np.float32, order: Any = "C") -> dict[str, Any]:
    """Make weights in four places: as they are, transposed, flat, and as they are again."""
    w = np.array(random((5, 3), 0, dtype), order=order)
    flat = w.reshape(-1, order=order)
    assert np.shares_memory(flat, w)
    return {"embed": w, "layers": [{"b": random((4,), 1, dtype), "out": w.T}, flat], "again": w}


def gradients(seed: int, dtype: Any = np.float32) -> dict[str, Any]:
    """Make gradients of the model: one with strides, and the others not."""
    embed, out = random((10, 3), seed, dtype)[::2], random((3, 5), seed + 1, dtype)
    again = random((5, 3), seed + 2, dtype)
    b, flat = random((4,), seed + 3, dtype), random((15,), seed + 4, dtype)
    return {"embed": embed, "layers": [{"b": b, "out": out}, flat], "again": again}


def by_hand(grads: dict[str, Any], order: Any = "C") -> dict[str, Any]:
    inner, flat = grads["layers"]
    total = grads["embed"] + inner["out"].T
    total = total + flat.reshape((5, 3), order=order)
    return {"embed": total + grads["again"], "b": inner["b"]}


def alone(params: dict[str, Any]) -> dict[str, Any]:
    return {"embed": params["embed"].copy(order="K"), "b": params["layers"][0]["b"].copy()}


def same(opt: Any, twin: Any) -> None:
    """Compare parameters and states, of which the names of one say where the other has them."""
    for name, other in zip(opt.names, twin.names, strict=True):
        assert opt.named_parameters()[name].tobytes() == twin.named_parameters()[other].tobytes()
        for key, array in opt.state[name].items():
            assert array.tobytes() == twin.state[other][key].tobytes(), key


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("adam", {"lr": 0.05}),
    ("adamw", {"lr": 0.05, "global_clipnorm": 0.7, "nonfinite": "skip", "ema": 0.9}),
    ("rmsprop", {"lr": 0.05, "momentum": 0.9, "clipnorm": 0.3, "lookahead_steps": 2}),
    ("sgd", {"lr": 0.05, "momentum": 0.9, "loss_scale": "dynamic", "stats": True, "maximize": True}),
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_bits_of_gradients_added_by_hand(
    name: str, options: dict[str, Any], dtype: Any, order: str, backend: str
) -> None:
    params = model(dtype, order)
    once = alone(params)
    opt = fastopt.get(name, params, tied="add", backend=backend, **options)
    twin = fastopt.get(name, once, backend=backend, **options)
    assert opt.names == ["embed", "layers.0.b"]
    for seed in range(0, 50, 10):
        grads = gradients(seed, dtype)
        assert opt.step(grads) == twin.step(by_hand(grads, order))
        same(opt, twin)
        assert opt.grad_norm == twin.grad_norm
    assert params["layers"][0]["out"].T.tobytes("K") == once["embed"].tobytes("K")


def test_added_in_the_order_of_places_each_rounded(backend: str) -> None:
    w = np.zeros(1, np.float32)
    opt = fastopt.SGD([w, w, w], lr=1.0, tied="add", backend=backend)
    opt.step([single([1e8]), single([1.0]), single([-1e8])])
    assert w[0] == 0.0
    opt.step([single([1e8]), single([-1e8]), single([1.0])])
    assert w[0] == -1.0


def test_of_none_nothing_is_added(backend: str) -> None:
    w, b = single([-0.0, 2.0]), np.ones(1, np.float32)
    opt = fastopt.SGD({"w": w, "b": b, "tied": w}, lr=1.0, tied="add", backend=backend)
    opt.step({"w": None, "b": None, "tied": None})
    assert [opt.state_dict()["parameters"][name]["steps"] for name in opt.names] == [0, 0]
    opt.step({"w": None, "b": np.ones(1, np.float32), "tied": single([-0.0, 3.0])})
    assert w.tobytes() == single([0.0, -1.0]).tobytes()  # 0 - -0 is 0, and -0 - 0 is -0
    assert [opt.state_dict()["parameters"][name]["steps"] for name in opt.names] == [1, 1]


def test_one_array_can_be_the_gradient_of_both(backend: str) -> None:
    w, g = np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]])
    fastopt.SGD([w, w.T], lr=1.0, tied="add", backend=backend).step([g, g])
    assert (w == -(g + g.T)).all()
    assert g.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_gradients_that_are_cast_are_rounded_before_they_are_added(backend: str) -> None:
    w = np.zeros(1, np.float32)
    opt = fastopt.SGD([w, w], lr=1.0, tied="add", cast_grads=True, backend=backend)
    opt.step([np.array([1.0]), np.array([2.0**-24])])
    assert w[0] == -1.0
    opt.step([np.array([1 / 3]), np.array([0.5], np.float16)])
    assert w[0] == np.float32(-1.0) - (np.float32(1 / 3) + np.float32(0.5))


def test_gradients_are_added_before_they_are_looked_at(backend: str) -> None:
    w = np.zeros(2, np.float32)
    opt = fastopt.SGD([w, w], lr=1.0, tied="add", nonfinite="skip", backend=backend)
    assert not opt.step([single([3e38, 1]), single([3e38, 1])])
    assert not opt.step([single([np.inf, 1]), single([-np.inf, 1])])
    assert opt.skipped == 2
    assert not w.any()


def test_accumulated(backend: str) -> None:
    params = model()
    options: dict[str, Any] = {"lr": 0.1, "gradient_accumulation_steps": 2}
    opt = fastopt.Adam(params, tied="add", backend=backend, **options)
    twin = fastopt.Adam(alone(model()), backend=backend, **options)
    for seed in range(0, 60, 10):
        grads = gradients(seed)
        assert opt.accumulate(grads) == twin.accumulate(by_hand(grads))
    same(opt, twin)
    with opt.perturbed(gradients(70)), twin.perturbed(by_hand(gradients(70))):
        same(opt, twin)


def test_without_ties_the_step_is_the_plain_one() -> None:
    opt = fastopt.Adam([np.ones(3), np.ones(3)], tied="add")
    assert opt._core.bound.direct


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: random((3, 5), 0)[:, :3], ValueError, "the gradient of 'layers.0.out' has shape"),
        (lambda: random((3, 5), 0, np.float64), TypeError, "the gradient of 'layers.0.out' has dtype"),
        (lambda: [1.0], TypeError, "the gradient of 'layers.0.out' is a list"),
    ],
    ids=["shape", "dtype", "kind"],
)
def test_a_wrong_gradient_names_its_place(
    make: Callable[[], Any], error: Any, message: str, backend: str
) -> None:
    params = model()
    before = alone(params)
    opt = fastopt.SGD(params, momentum=0.9, tied="add", backend=backend)
    grads = gradients(0)
    grads["layers"][0]["out"] = make()
    with pytest.raises(error, match=message):
        opt.step(grads)
    assert opt.step_count == 0
    assert not opt.state["embed"]["b"].any()
    assert params["embed"].tobytes() == before["embed"].tobytes()


@pytest.mark.parametrize("key", ["embed", "again"])
@pytest.mark.parametrize(
    "new", [lambda w: w - 1, lambda w: w[:], lambda w: None], ids=["other", "view", "None"]
)
def test_another_array_in_one_of_the_places(key: str, new: Callable[[Any], Any], backend: str) -> None:
    params = model()
    opt = fastopt.SGD(params, tied="add", backend=backend)
    before, w = params["embed"].tobytes(), params["embed"]
    params[key] = new(w)
    with pytest.raises((TypeError, ValueError), match=rf"params\['{key}'\] is"):
        opt.step(gradients(0))
    assert w.tobytes() == before


def test_groups_know_it_by_its_first_name() -> None:
    params = {"embed": random((5, 3), 0), "hidden": random((3,), 1)}
    params["head"] = params["embed"].T
    groups: dict[Any, Any] = {"*": {"weight_decay": 0.1}, "embed": {"lr": 0.5}}
    opt = fastopt.SGD(params, lr=0.1, tied="add", groups=groups)
    assert [list(group.params) for group in opt.groups] == [["hidden"], ["embed"]]
    assert [group["lr"] for group in opt.groups] == [0.1, 0.5]
    assert opt.freeze("embed") == ["embed"]
    with pytest.raises(ValueError, match="freeze has 'head', which matches no parameter"):
        opt.freeze("head")


def test_tied_arrays_in_different_groups() -> None:
    w = random((5, 3), 0)
    listed: list[Any] = [{"params": {"a": w}, "lr": 0.1}, {"params": {"b": w.T}}]
    message = "'b' is tied to 'a', and stands in group 1, not in group 0"
    with pytest.raises(ValueError, match=message):
        fastopt.SGD(listed, tied="add")
    both = {"params": {"a": w, "b": w.T}, "lr": 0.1}
    assert fastopt.SGD([both], tied="add").names == ["a"]
    params = {"a": w, "b": w.T}
    with pytest.raises(ValueError, match=r"groups has 'b', which matches 'b' and not 'a'") as caught:
        fastopt.SGD(params, tied="add", groups={"b": {"lr": 0.5}})
    assert "such as ('a', 'b')" in str(caught.value)
    opt = fastopt.SGD(params, tied="add", groups={("a", "b"): {"lr": 0.5}})
    assert opt.groups[0]["lr"] == 0.5


def test_gradients_that_are_bound_or_zeroed() -> None:
    w = np.zeros(2)
    grads = [np.ones(2), np.ones(2)]
    with pytest.raises(ValueError, match=r"grads= .*'1' is tied to '0'.*opt.step\(grads\)"):
        fastopt.SGD([w, w], tied="add", grads=grads)
    with pytest.raises(ValueError, match=r"zero_grads=True .*'1' is tied to '0'.*g\[\.\.\.\] = 0"):
        fastopt.SGD([w, w], tied="add", zero_grads=True)
    opt = fastopt.SGD([w, w], lr=1.0, tied="add")
    with pytest.raises(ValueError, match="zero_grads=True"):
        opt.zero_grads = True
    assert not opt.zero_grads
    opt.step(grads)
    assert w.tolist() == [-2.0, -2.0]


def test_masks_and_averages(backend: str) -> None:
    w, b = random((5, 3), 0), random((3,), 1)
    params, start = {"head": w.T, "b": b, "embed": w}, w.copy()
    mask = np.zeros((3, 1), bool)
    for wrong in (mask, np.ones((5, 3), bool)):
        message = r"mask has something for 'embed', and 'embed' is tied to 'head': give it there"
        with pytest.raises(ValueError, match=message):
            fastopt.SGD(params, tied="add", mask={"head": mask, "b": None, "embed": wrong})
    mask[1] = True
    given = {"head": mask, "b": None, "embed": None}
    opt = fastopt.SGD(params, lr=1.0, tied="add", mask=given, ema=0.5, backend=backend)
    opt.step({"head": np.ones((3, 5), np.float32), "b": None, "embed": np.ones((5, 3), np.float32)})
    assert w[:, 1].tobytes() == (start[:, 1] - 2).tobytes()
    assert w[:, ::2].tobytes() == start[:, ::2].tobytes()
    averages = opt.ema_state
    assert averages["embed"].shape == (5, 3)
    assert averages["embed"].tobytes() == averages["head"].T.tobytes()
    assert np.shares_memory(averages["embed"], averages["head"])


@pytest.mark.parametrize("overlap", [lambda w: w[1:], lambda w: w.view(np.float64), lambda w: w[::-1]])
def test_what_has_not_the_same_elements_is_refused(overlap: Callable[[Any], Any]) -> None:
    w = random((4, 2), 0)
    with pytest.raises(ValueError, match=r"parameter 'part' .*(shares memory|not contiguous)"):
        fastopt.SGD({"w": w, "part": overlap(w)}, tied="add")


def test_arrays_without_elements_are_not_tied() -> None:
    """They may lie at one address, and have nothing in common."""
    w = np.ones((3, 2))
    opt = fastopt.SGD({"w": w, "a": w[:0], "b": w[:0]}, tied="add")
    assert list(opt.names) == ["w", "a", "b"]
    assert opt.step({"w": np.ones((3, 2)), "a": np.ones((0, 2)), "b": None})
