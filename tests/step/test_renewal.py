"""States that begin anew, and rows of parameters that come, go and move with their states."""

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE, BY_NORM, TOGETHER

import fastopt

Array = NDArray[Any]
AS_P = ("z", "start", "average")  # states that begin as the parameter
ROWS = [2, -1, 0, 4, -1, 1]  # of five: the fourth goes, two come


def table(rows: int = 5, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((rows, 3)).astype(np.float32)


def gradients(k: int, rows: int = 5) -> Array:
    return table(rows, 100 + k)


def trained(name: str, p: Array, steps: int = 3, **options: Any) -> tuple[dict[str, Array], Any]:
    params = {"w": p, "b": np.ones(2)}
    opt = fastopt.get(name, params, **options)
    for k in range(steps):
        take_step(opt, {"w": gradients(k, len(p)), "b": np.full(2, 0.5)})
    return params, opt


def bits(opt: Any) -> dict[str, Any]:
    return {
        name: {**{key: s.tobytes() for key, s in states.items()}, "p": p.tobytes()}
        for (name, p), states in zip(opt.params.items(), opt.state.values(), strict=True)
    }


@pytest.mark.parametrize("name", [a for a in ANY_SHAPE if a not in TOGETHER])
def test_reset_is_a_new_optimizer(name: str, backend: str) -> None:
    params, opt = trained(name, table(), backend=backend)
    assert opt.reset("w") == ["w"]
    assert opt.state_dict()["parameters"]["w"]["steps"] == 0
    assert opt.state_dict()["parameters"]["b"]["steps"] == 3
    fresh = {"w": params["w"].copy(), "b": np.ones(2)}
    other = fastopt.get(name, fresh, backend=backend)
    for k in range(3):
        for each in (opt, other):
            take_step(each, {"w": gradients(k), "b": np.full(2, 0.5)})
        assert bits(opt)["w"] == bits(other)["w"]
    assert opt.step_count == 6
    assert opt.reset() == ["w", "b"]
    assert [e["steps"] for e in opt.state_dict()["parameters"].values()] == [0, 0]


@pytest.mark.parametrize(
    "rows", [[3, 1], [-1], slice(1, 3), np.array([True, False, True, False, True]), []]
)
@pytest.mark.parametrize("name", ["adam", "adamwschedulefree", "adagrad"])
def test_rows_are_reset(name: str, rows: Any, backend: str) -> None:
    options: Any = {"initial_accumulator_value": 0.25} if name == "adagrad" else {}
    _, opt = trained(name, table(), backend=backend, **options)
    before = {key: state.copy() for key, state in opt.state["w"].items()}
    p = opt.params["w"].copy()
    assert opt.reset("w", rows=rows) == ["w"]
    begins = {"adagrad": 0.25, "adamwschedulefree": p}.get(name, 0.0)
    for key, state in opt.state["w"].items():
        wanted = before[key]
        chosen = rows if not isinstance(rows, list) else np.array(rows, int)
        first = begins if key in ("z", "a") else 0.0
        wanted[chosen] = np.broadcast_to(first, p.shape)[chosen]
        assert state.tobytes() == wanted.tobytes(), key
    assert opt.state_dict()["parameters"]["w"]["steps"] == 3
    assert opt.params["w"].tobytes() == p.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", sorted(set(ANY_SHAPE) - BY_NORM))
def test_a_table_that_grows_and_is_permuted(name: str, order: Any, backend: str) -> None:
    """Every row goes on as it would have done: each element has its own states."""
    new = np.zeros((6, 3), np.float32, order)
    has = np.array(ROWS) >= 0
    params, opt = trained(name, table(), backend=backend, ema=0.75, lookahead_steps=4)
    stays, unchanged = trained(name, table(), backend=backend, ema=0.75, lookahead_steps=4)
    new[...] = 0.5
    new[has] = params["w"][np.array(ROWS)[has]]
    opt.replace("w", new, rows=ROWS)
    assert opt.params["w"] is params["w"] is new
    begun = {"w": np.full((1, 3), 0.5, np.float32)}
    first = fastopt.get(name, begun)
    for key, state in opt.state["w"].items():
        begins: Any = 0.5 if key in AS_P and name != "ftrl" else first.state["w"][key]
        if (name, key) == ("rprop", "d"):
            begins = np.float32(opt.lr)  # as at the first step
        assert (state[~has] == begins).all()
    assert (opt.ema_state["w"][~has] == 0.5).all()
    for k in range(3, 7):
        g = gradients(k)
        moved = np.ones((6, 3), np.float32)
        moved[has] = g[np.array(ROWS)[has]]
        take_step(opt, {"w": moved, "b": np.full(2, 0.5)})
        take_step(unchanged, {"w": g, "b": np.full(2, 0.5)})
    kept = np.array(ROWS)[has]
    assert new[has].tobytes() == stays["w"][kept].tobytes()
    assert opt.ema_state["w"][has].tobytes() == unchanged.ema_state["w"][kept].tobytes()
    assert opt.slow_state["w"][has].tobytes() == unchanged.slow_state["w"][kept].tobytes()
    for key, state in opt.state["w"].items():
        assert state[has].tobytes() == unchanged.state["w"][key][kept].tobytes()
    assert bits(opt)["b"] == bits(unchanged)["b"]


def test_an_array_in_the_same_shape() -> None:
    w, v = np.ones(3), np.zeros(())
    params: dict[str, Any] = {"layer": [w, v]}
    opt = fastopt.Adam(params, groups={"layer.0": {"lr": 0.5}})
    opt.step({"layer": [np.ones(3), np.ones(())]})
    before = bits_of_states = [s.tobytes() for s in opt.state["layer.0"].values()]
    other = np.full(3, 7.0)
    opt.replace("layer.0", other)
    assert params["layer"][0] is other
    assert [s.tobytes() for s in opt.state["layer.0"].values()] == before == bits_of_states
    opt.replace("layer.1", np.array(3.0))
    assert opt.step({"layer": [np.ones(3), np.ones(())]})
    assert opt.groups[1].params == {"layer.0": other}
    assert w.tobytes() == np.full(3, w[0]).tobytes()  # the old one is as it was, and free
    w.resize(4, refcheck=False)


def test_one_that_stands_in_the_container_already() -> None:
    params = [np.ones((2, 3))]
    opt = fastopt.SGD(params, momentum=0.5)
    opt.step([np.ones((2, 3))])
    params[0] = np.concatenate([params[0], np.zeros((1, 3))])
    opt.replace("0", params[0], rows=[0, 1, -1])
    assert opt.step([np.ones((3, 3))])
    assert opt.state["0"]["b"][:, 0].tolist() == [1.5, 1.5, 1.0]


# What is wrong, and changes nothing.

BAD_ROWS: dict[str, tuple[Any, str]] = {
    "too many": ([0, 1, 2], "they must be 6 numbers, one for each row of what replaces 'w'"),
    "too large": ([0, 1, 2, 3, 4, 5], "must be those of rows of 'w', 0 to 4, or -1"),
    "too small": ([0, 1, 2, 3, 4, -2], "must be those of rows of 'w', 0 to 4, or -1"),
    "floats": ([0.0] * 6, "they must be 6 numbers"),
    "none": (None, "has 6 rows, and it has 5: say which of them each was"),
}


def refused(opt: Any, error: type[Exception], message: str, act: Any) -> None:
    before, there = bits(opt), dict(opt.params)
    with pytest.raises(error, match=re.escape(message)):
        act()
    assert bits(opt) == before
    assert all(opt.params[name] is p for name, p in there.items())
    assert opt.step({"w": gradients(9), "b": np.ones(2)})


@pytest.mark.parametrize("rows", BAD_ROWS)
def test_rows_that_are_not_there(rows: str) -> None:
    _, opt = trained("adam", table())
    given, message = BAD_ROWS[rows]
    refused(opt, ValueError, message, lambda: opt.replace("w", table(6), rows=given))


BAD_ARRAYS: dict[str, tuple[Any, type[Exception], str]] = {
    "dtype": (
        np.ones((5, 3)),
        TypeError,
        "it must have dtype float32, as its states: new.astype(np.float32)",
    ),
    "columns": (np.ones((5, 4), np.float32), ValueError, "opt.remove_params and opt.add_params"),
    "list": ([[1.0, 2.0, 3.0]] * 5, TypeError, "what replaces 'w'"),
    "gaps": (np.ones((5, 6), np.float32)[:, ::2], ValueError, "what replaces 'w'"),
}


@pytest.mark.parametrize("which", BAD_ARRAYS)
def test_arrays_that_do_not_fit(which: str) -> None:
    _, opt = trained("adam", table())
    new, error, message = BAD_ARRAYS[which]
    refused(opt, error, message, lambda: opt.replace("w", new, rows=[0, 1, 2, 3, 4]))


def test_other_things_that_are_refused() -> None:
    _, opt = trained("adam", table())
    refused(opt, ValueError, "there is no parameter 'v': ", lambda: opt.replace("v", table()))
    refused(opt, ValueError, "matches no parameter", lambda: opt.reset("v"))
    refused(opt, ValueError, "rows of 'w' go up to 5", lambda: opt.reset("w", rows=[5]))
    refused(opt, TypeError, "they must be numbers of rows", lambda: opt.reset("w", rows=["a"]))
    refused(opt, ValueError, "it must have shape (5,)", lambda: opt.reset("w", rows=[True]))
    _, both = trained("adam", room := np.ones((6, 3), np.float32))
    both.add_params({"c": (c := np.ones((2, 3), np.float32))})
    with pytest.raises(ValueError, match="shares memory"):
        both.replace("c", room[:2])
    assert both.params["c"] is c
    with pytest.raises(ValueError, match=re.escape("opt.reset('0') resets it")):
        fastopt.Adam([np.array(1.0)]).reset(rows=[0])
    _, held = trained("adam", table(), mask={"w": np.ones((5, 1), bool), "b": None})
    refused(held, ValueError, "'w' has a mask or an lr_scale", lambda: held.replace("w", table()))
    held.replace("b", np.zeros(2))
    pair = (np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match="is in no list or dict, in which another array"):
        fastopt.Adam(pair).replace("0", np.zeros(2))
    opt.close()
    with pytest.raises(RuntimeError, match="is closed"):
        opt.reset()
    with pytest.raises(RuntimeError, match="is closed"):
        opt.replace("w", table())
