"""L-BFGS: bits, resuming, what the function does wrong, and what does not go with it."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.functions import Params, model, rosenbrock, softmax

import fastopt

OPTIONS: dict[str, Any] = {"lr": 0.7, "max_iter": 4, "history_size": 5}
SEARCHES = pytest.mark.parametrize("search", ["strong_wolfe", None])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def everything(opt: fastopt.Optimizer, params: Params) -> dict[str, Any]:
    """All that a step changes, as bytes."""
    state = opt.state_dict()
    arrays = {
        f"{key} of {name}": array.tobytes()
        for name, each in state["parameters"].items()
        for key, array in each.pop("arrays").items()
    }
    return {**arrays, **{name: p.tobytes() for name, p in params.items()}, "state": repr(state)}


def trained(params: Params, steps: int, **options: Any) -> fastopt.LBFGS:
    opt = fastopt.LBFGS(params, **{**OPTIONS, **options})
    for k in range(steps):
        assert opt.step(softmax(params, k))
    return opt


@SEARCHES
@DTYPES
def test_the_bits_are_those_of_numpy(backend: str, dtype: Any, search: str | None) -> None:
    found = []
    for name in (backend, "numpy"):
        params = model(dtype)
        opt = trained(params, 8, line_search_fn=search, backend=name)
        found.append(everything(opt, params))
        assert opt.evaluations > 8
    assert found[0] == found[1]


@SEARCHES
@DTYPES
def test_it_resumes_after_each_call(dtype: Any, search: str | None, tmp_path: Path) -> None:
    params = model(dtype)
    opt = fastopt.LBFGS(params, line_search_fn=search, **OPTIONS)
    for k in range(7):
        opt.save(tmp_path / "x.npz", params=True)
        others = [copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))]
        loaded = fastopt.LBFGS(model(dtype), line_search_fn=search, **OPTIONS)
        loaded.load(tmp_path / "x.npz")
        given = fastopt.LBFGS(copy.deepcopy(params), line_search_fn=search, **OPTIONS)
        given.load_state_dict(opt.state_dict())
        opt.step(softmax(params, k))
        for other in (*others, loaded, given):
            other.step(softmax(other.params, k))
            assert everything(other, other.params) == everything(opt, params)


@pytest.mark.parametrize("size", [2, 10])
def test_the_minimum_of_rosenbrock(size: int) -> None:
    x = np.full(size, -1.2)
    opt = fastopt.LBFGS(x, line_search_fn="strong_wolfe", max_iter=200, tolerance_change=0)
    opt.tolerance_grad = 1e-10
    opt.step(rosenbrock(x))
    assert np.abs(x - 1.0).max() < 1e-8
    assert opt.evaluations < 150


def test_logistic_regression_ends_where_the_gradient_is_small() -> None:
    params = model()
    opt = fastopt.LBFGS(params, line_search_fn="strong_wolfe", max_iter=100, tolerance_change=0)
    opt.step(softmax(params))
    loss, grads = softmax(params)()
    assert max(np.abs(g).max(initial=0.0) for g in grads.values()) <= 1e-7
    calls = opt.evaluations
    before = everything(opt, params)["w"]
    assert opt.step(softmax(params))  # it is there already
    assert opt.loss == loss
    assert opt.evaluations == calls + 1
    assert everything(opt, params)["w"] == before


def test_the_history_is_a_ring() -> None:
    """The newest pair takes the place of the oldest."""
    params = model()
    opt = trained(params, 5)
    kept = opt.state_dict()["carried"]["LBFGS"]
    assert kept["pairs"] > 2 * OPTIONS["history_size"]
    last = int(kept["pairs"] - 1) % OPTIONS["history_size"]
    ys = [sum((s["s"][k] * s["y"][k]).sum() for s in opt.state.values()) for k in range(5)]
    assert min(ys) > 1e-10
    assert opt.state["w"]["s"][last].any()


def test_maximize_is_the_step_of_the_negative() -> None:
    params, negative = model(), model()
    up = fastopt.LBFGS(params, maximize=True, line_search_fn="strong_wolfe", **OPTIONS)
    down = fastopt.LBFGS(negative, line_search_fn="strong_wolfe", **OPTIONS)

    def upside_down() -> Any:
        loss, grads = softmax(params)()
        return -loss, {name: -g for name, g in grads.items()}

    for _ in range(3):
        up.step(upside_down)
        down.step(softmax(negative))
    assert {k: p.tobytes() for k, p in params.items()} == {k: p.tobytes() for k, p in negative.items()}
    assert up.loss == -down.loss


def test_missing_gradients_are_zeros() -> None:
    params, zeros = model(), model()
    opt, other = trained(params, 0), trained(zeros, 0)
    for k in range(3):
        loss_and_grad, same = softmax(params, k), softmax(zeros, k)
        opt.step(lambda f=loss_and_grad: (f()[0], {**f()[1], "b": None}))
        other.step(lambda f=same: (f()[0], {**f()[1], "b": np.zeros(3)}))
    assert everything(opt, params) == everything(other, zeros)
    assert not params["b"].any()


def test_frozen_parameters_are_no_part_of_it() -> None:
    params = model()
    opt = trained(params, 2, groups={"b": {"frozen": True}})
    assert not params["b"].any()
    before = opt.state["b"]["s"].copy()
    assert not before.any()
    opt.unfreeze("b")
    opt.step(softmax(params, 2))
    assert params["b"].any()
    assert opt.state_dict()["carried"]["LBFGS"]["iterations"] == 4  # of the new history


@pytest.mark.parametrize("change", ["reset", "freeze"])
def test_the_history_begins_anew_with_others(change: str) -> None:
    params = model()
    opt = trained(params, 3)
    getattr(opt, change)("b")
    alone = copy.deepcopy(params)
    new = fastopt.LBFGS(alone, **OPTIONS, groups={"b": {"frozen": change == "freeze"}})
    opt.step(softmax(params, 7))
    new.step(softmax(alone, 7))
    assert [p.tobytes() for p in params.values()] == [p.tobytes() for p in alone.values()]


def wrong(kind: str, params: Params, right: Callable[[], Any]) -> Any:
    loss, grads = right()
    if kind == "raises":
        raise KeyError("mine")
    if kind == "changes":
        params["b"][1] += 1.0
    return {
        "one": loss,
        "none": None,
        "turned": (grads, loss),
        "shape": (loss, {**grads, "b": np.zeros(4)}),
        "dtype": (loss, {**grads, "b": np.zeros(3, np.float32)}),
        "keys": (loss, {"w": grads["w"]}),
        "vector": (np.zeros(2), grads),
    }.get(kind, (loss, grads))


WRONG = {
    "raises": (KeyError, "mine"),
    "changes": (ValueError, r"changed parameter 'b'.* p\.copy\(\)"),
    "one": (TypeError, "returned .*: return loss, grads"),
    "none": (TypeError, "returned None .*: return loss, grads"),
    "turned": (TypeError, r"the loss .* is .*dict.*: return float\(loss\), grads"),
    "vector": (TypeError, r"the loss .* is .*array.*: return float\(loss\), grads"),
    "shape": (ValueError, r"'b' .*\(4,\)"),
    "dtype": (TypeError, "'b' .*float32"),
    "keys": (ValueError, "grads"),
}


@pytest.mark.parametrize("at", [1, 2, 4])
@pytest.mark.parametrize("kind", WRONG)
@SEARCHES
def test_what_a_function_does_wrong(kind: str, at: int, search: str | None) -> None:
    params = model()
    opt = trained(params, 2, line_search_fn=search)
    before, calls = everything(opt, params), []

    def loss_and_grad() -> Any:
        calls.append(1)
        right = softmax(params, 2)
        return wrong(kind, params, right) if len(calls) == at else right()

    error, message = WRONG[kind]
    with pytest.raises(error, match=message):
        opt.step(loss_and_grad)
    assert len(calls) == at
    assert everything(opt, params) == before
    assert opt.step(softmax(params, 2))


@pytest.mark.parametrize("place", ["loss", "gradient"])
@pytest.mark.parametrize("at", [1, 3])
def test_what_is_not_finite(place: str, at: int) -> None:
    params = model()
    opt = trained(params, 2, nonfinite="raise")
    before, calls = everything(opt, params), []

    def loss_and_grad() -> Any:
        calls.append(1)
        loss, grads = softmax(params, 2)()
        if len(calls) == at:
            return (np.nan, grads) if place == "loss" else (loss, {**grads, "b": np.full(3, np.inf)})
        return loss, grads

    with pytest.raises(FloatingPointError, match=f"the {place}.* is not finite.* nonfinite='skip'"):
        opt.step(loss_and_grad)
    assert everything(opt, params) == before
    opt.nonfinite = "skip"
    calls.clear()
    assert not opt.step(loss_and_grad)
    assert opt.skipped == 1
    assert params["w"].tobytes() == before["w"]
    opt.nonfinite = "propagate"
    calls.clear()
    assert opt.step(loss_and_grad)
    assert place == "loss" or np.isnan(params["b"]).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_line_search_comes_back_from_what_is_not_finite(bad: float) -> None:
    x = np.array([3.0])
    met = []

    def loss_and_grad() -> Any:
        if x[0] < 2.0:
            met.append(1)
            return bad, np.full(1, np.nan)
        return float(x[0] ** 2), 2.0 * x

    opt = fastopt.LBFGS(x, lr=100.0, line_search_fn="strong_wolfe", nonfinite="raise")
    assert opt.step(loss_and_grad)
    assert met
    assert 2.0 <= x[0] < 3.0


def test_the_function_cannot_step_the_optimizer() -> None:
    params = model()
    opt = trained(params, 1)
    before = everything(opt, params)
    for call in (lambda: opt.step(softmax(params)), opt.state_dict, opt.reset):
        with pytest.raises(RuntimeError, match=r"is calling its function .*when that has returned"):
            opt.step(call)
    assert everything(opt, params) == before


def test_what_is_given_in_place_of_a_function() -> None:
    params = model()
    opt = trained(params, 1)
    loss, grads = softmax(params)()
    for given in (grads, None, (loss, grads)):
        with pytest.raises(TypeError, match=r"LBFGS calls a function .* opt.step\(loss_and_grad\)"):
            opt.step(given)
    with pytest.raises(
        TypeError, match=r"without arguments.* opt.step\(lambda: loss_and_grad\(p.*\)\)"
    ):
        opt.step(lambda params: softmax(params)())
    assert opt.step(lambda: softmax(params)())
    with pytest.raises(TypeError, match=r"a function alone, opt.step\(loss_and_grad\)"):
        opt.step(softmax(params), loss=loss)
    with pytest.raises(TypeError, match=r"LBFGS calls a function .* opt.step\(loss_and_grad\)"):
        opt.accumulate(grads)


REFUSED: list[dict[str, Any]] = [
    *({name: 0.5} for name in ("weight_decay", "l1", "clipnorm", "clipvalue", "global_clipnorm")),
    {"loss_scale": "dynamic"},
    *({name: True} for name in ("zero_grads", "cast_grads", "stats")),
    *({"ema": 0.9}, {"swa_start": 1}, {"lookahead_steps": 5}, {"gradient_accumulation_steps": 2}),
    {"mask": {"w": None, "b": np.array([True, False, True]), "scale": None, "none": None}},
    {"grads": {"w": np.zeros((7, 3)), "b": None, "scale": None, "none": None}},
]


@pytest.mark.parametrize("options", REFUSED, ids=str)
def test_what_does_not_go_with_it(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises((TypeError, ValueError), match=rf"LBFGS.*leave (it|{name}=) out") as caught:
        fastopt.LBFGS(model(), **options)
    assert name in str(caught.value)


def test_groups_that_do_not_go_with_it() -> None:
    for kind, other in ((fastopt.LBFGS, "adam"), (fastopt.Adam, "lbfgs")):
        with pytest.raises(TypeError, match=r"LBFGS calls a function .*group . has Adam.*frozen"):
            kind(model(), groups={"b": {"algorithm": other}})
    with pytest.raises(ValueError, match=r"lr of group 1 is 0.5.*LBFGS\(params, lr=...\)"):
        fastopt.LBFGS(model(), groups={"b": {"lr": 0.5}})


def test_options_that_are_set_later() -> None:
    params = model()
    opt = trained(params, 1)
    with pytest.raises(ValueError, match=r"weight_decay is 0.5.*leave it out"):
        opt.weight_decay = 0.5
    with pytest.raises(TypeError, match="stats does not go"):
        opt.stats = True
    before = everything(opt, params)["w"]
    opt.history_size = 6
    with pytest.raises(ValueError, match=r"history_size is 6.*opt.history_size = 5"):
        opt.step(softmax(params))
    assert params["w"].tobytes() == before
    opt.history_size = 5
    assert opt.step(softmax(params))
