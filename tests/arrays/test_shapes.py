"""An array of another shape: the message says how it came to that, and its line mends it."""

import re
from typing import Any

import numpy as np
import pytest

import fastopt

PERMUTED = [
    ((4, 3), (1, 0), "it is transposed: pass g.T"),
    ((4, 1), (1, 0), "it is transposed: pass g.T"),
    ((2, 3, 4), (2, 1, 0), "it is transposed: pass g.T"),
    ((2, 3, 4), (1, 2, 0), "its axes stand in another order: pass np.transpose(g, (2, 0, 1))"),
    ((5, 6, 2, 3), (2, 3, 1, 0), "another order: pass np.transpose(g, (3, 2, 0, 1))"),  # HWIO
    ((2, 3, 4, 5, 6, 7, 8), (6, 5, 4, 3, 2, 1, 0), "it is transposed: pass g.T"),
]
RESHAPED = [
    *(((5, 1), (5,)), ((5,), (5, 1)), ((5,), (1, 5)), ((1, 5), (5,)), ((), (1,)), ((1, 1), ())),
    *(((2, 1, 3), (2, 3)), ((2, 3), (2, 3, 1)), ((1, 2, 1, 3), (2, 1, 3, 1))),
]
SUMMED = [  # of the parameter, of the gradient, and the axes that are one too many
    ((4,), (32, 4), (0,)),
    ((1, 4), (32, 4), (0,)),
    ((4, 1), (4, 32), (1,)),
    ((4,), (4, 32), (1,)),
    ((4,), (2, 3, 4), (0, 1)),
    ((1, 4), (5, 3, 4), (0, 1)),
    ((3, 4), (32, 3, 4), (0,)),
    ((3, 4), (3, 4, 32), (2,)),
    ((), (7,), (0,)),
    ((3, 1, 5), (2, 3, 4, 5), (0, 2)),
]
NO_LINE = [
    ((3, 4), (12,), "g.reshape((3, 4)) is right only where np.ravel has flattened it"),
    ((3, 4), (6, 2), "a reshape would scramble its elements"),
    ((3, 4), (3,), "it lacks an axis"),
    ((3, 4), (), "it lacks an axis"),
    ((3,), (7,), "is it that of another parameter?"),
    ((3, 4), (5, 6), "is it that of another parameter?"),
]


def refused(p: Any, g: Any) -> str:
    """Return what an optimizer says about a gradient."""
    before = p.tobytes()
    with pytest.raises(ValueError, match="must have its parameter's") as caught:
        fastopt.SGD({"w": p}).step({"w": g})
    assert p.tobytes() == before
    return str(caught.value)


def lines(message: str) -> list[str]:
    """Find the lines that a message wants to be passed."""
    found = re.search(r": pass (.*?)(, \.\.\.)?(, as your layout has it)?$", message)
    return found.group(1).split(" or ") if found else []


def step(p: Any, g: Any, line: str) -> Any:
    """Do what a message says; return what the step took for the gradient."""
    fastopt.SGD({"w": p}, lr=1.0).step({"w": eval(line, {"g": g, "np": np})})
    return -p


@pytest.mark.parametrize(("shape", "order", "said"), PERMUTED)
def test_axes_in_another_order(shape: Any, order: Any, said: str) -> None:
    right = np.random.default_rng(0).standard_normal(shape)
    g = np.transpose(right, order)
    for given in (g, g.copy()):
        message = refused(np.zeros(shape), given)
        assert said in message
        assert "reshape" not in message
        (line,) = lines(message)
        assert np.array_equal(step(np.zeros(shape), given, line), right)


def test_orders_between_which_only_the_caller_can_choose() -> None:
    right = np.random.default_rng(0).standard_normal((8, 4, 3, 3))
    g = np.transpose(right, (2, 3, 1, 0)).copy()
    found = lines(refused(np.zeros(right.shape), g))
    assert sorted(found) == ["g.T", "np.transpose(g, (3, 2, 0, 1))"]
    outcomes = [step(np.zeros(right.shape), g, line) for line in found]
    assert any(np.array_equal(outcome, right) for outcome in outcomes)


@pytest.mark.parametrize(("shape", "given"), RESHAPED)
def test_a_reshape_is_named_where_it_keeps_the_order(shape: Any, given: Any) -> None:
    g = np.arange(1.0, 1.0 + np.prod(given)).reshape(given)
    message = refused(np.zeros(shape), g)
    assert f"only axes of length 1 differ: pass g.reshape({shape})" in message
    (line,) = lines(message)
    assert step(np.zeros(shape), g, line).ravel().tolist() == g.ravel().tolist()


@pytest.mark.parametrize(("shape", "given", "axes"), SUMMED)
def test_axes_to_be_summed(shape: Any, given: Any, axes: tuple[int, ...]) -> None:
    g = np.random.default_rng(0).standard_normal(given)
    message = refused(np.zeros(shape), g)
    (line,) = lines(message)
    assert ".sum(axis=" in line
    assert np.array_equal(step(np.zeros(shape), g, line).ravel(), g.sum(axis=axes).ravel())


@pytest.mark.parametrize(("shape", "given", "said"), NO_LINE)
def test_no_line_where_it_could_scramble(shape: Any, given: Any, said: str) -> None:
    message = refused(np.zeros(shape), np.ones(given))
    assert said in message
    assert not lines(message)


def test_bound_and_accumulated_gradients_are_told_the_same() -> None:
    p, g = np.zeros((2, 3)), np.ones((3, 2))
    opt = fastopt.SGD(p, gradient_accumulation_steps=2)
    for call in (lambda: opt.accumulate(g), lambda: fastopt.SGD(p, grads=g)):
        with pytest.raises(ValueError, match=r"it is transposed: pass g\.T"):
            call()
    opt.accumulate(g.T)
    fastopt.SGD(p, grads=g.T).step()


@pytest.mark.parametrize("order", ["C", "F"])
def test_states_that_the_caller_owns(order: Any) -> None:
    p = np.zeros((2, 3), order=order)
    right = np.random.default_rng(0).standard_normal((2, 3))
    m, v = np.array(right.T, order=order), np.array(right**2, order=order)
    with pytest.raises(ValueError, match="shape of its parameter") as caught:
        fastopt.functional.adam(p, np.ones((2, 3)), m, v, t=2)
    (line,) = lines(str(caught.value))
    assert line == f"np.array(m.T, order='{order}')"
    m = eval(line, {"m": m, "np": np})
    assert np.array_equal(m, right)
    fastopt.functional.adam(p, np.ones((2, 3)), m, v, t=2)
    with pytest.raises(ValueError, match=r"np.zeros_like\(p\) makes a new one"):
        fastopt.functional.adam(p, np.ones((2, 3)), np.zeros((6, 1)), v, t=2)


def test_a_state_and_a_checkpoint_of_transposed_weights(tmp_path: Any) -> None:
    p, q = np.zeros((2, 3)), np.zeros((3, 2))
    opt, other = fastopt.Adam({"w": p}), fastopt.Adam({"w": q})
    opt.step({"w": np.arange(6.0).reshape(2, 3)})
    state = opt.state_dict()
    with pytest.raises(ValueError, match=r"it is transposed, and a\.T of an array of the state has"):
        other.load_state_dict(state)
    arrays = state["parameters"]["w"]["arrays"]
    arrays.update({key: a.T for key, a in arrays.items()})
    other.load_state_dict(state)
    assert np.array_equal(other.state["w"]["m"], opt.state["w"]["m"].T)
    path = tmp_path / "a.npz"
    fastopt.SGD({"w": p}).save(path, params=True)
    with pytest.raises(fastopt.CheckpointError, match=r"it is transposed, .*load\(path, skip='w'\)"):
        fastopt.SGD({"w": q}).load(path)
