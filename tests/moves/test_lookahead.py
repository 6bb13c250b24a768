"""Nesterov's look ahead: the parameters move for the time of a block, and come back bit by bit."""

import threading
from typing import Any

import numpy as np
import pytest

import fastopt

Params = dict[str, Any]


def params(dtype: Any = np.float32) -> Params:
    rng = np.random.default_rng(0)
    return {
        "w": rng.standard_normal((40, 30)).astype(dtype),
        "f": np.asfortranarray(rng.standard_normal((5, 7)).astype(dtype)),
        "b": np.asarray(dtype(0.7)),
    }


def grads(p: Params) -> Params:
    """Of sum(cos(w)), so that it depends on where the parameters are."""
    return {k: np.asarray(-np.sin(v)) for k, v in p.items()}


def bits(p: Params) -> list[bytes]:
    return [v.tobytes("A") for v in p.values()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("in_buffer", [True, False])
def test_parameters_move_and_come_back(in_buffer: bool, dtype: Any, backend: str) -> None:
    p = params(dtype)
    opt = fastopt.SGD(p, lr=0.1, momentum=0.9, lr_in_buffer=in_buffer, backend=backend)
    for step in range(4):
        before, where = bits(p), {k: v.copy() for k, v in p.items()}
        factor = dtype(0.9 if in_buffer else 0.9 * 0.1)
        with opt.at_nesterov_point():
            for key, value in p.items():
                expected = where[key] - factor * opt.state[key]["b"]
                np.testing.assert_array_equal(value, expected)
                assert step == 0 or (value != where[key]).all()
            g = grads(p)
        assert bits(p) == before
        opt.step(g)
        assert bits(p) != before


def test_same_bits_from_every_backend() -> None:
    finals = []
    for backend in ("native", "numba", "numpy"):
        p = params()
        opt = fastopt.RMSprop(p, lr=0.01, momentum=0.9, backend=backend)
        for _ in range(5):
            with opt.at_nesterov_point():
                g = grads(p)
            opt.step(g)
        finals.append(bits(p))
    assert finals[0] == finals[1] == finals[2]


def test_an_exception_gives_the_parameters_back() -> None:
    p = params()
    opt = fastopt.SGD(p, momentum=0.9)
    opt.step(grads(p))
    before = bits(p)

    def fail() -> None:
        with opt.at_nesterov_point():
            assert bits(p) != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert bits(p) == before
    opt.step(grads(p))


def test_no_step_and_no_second_look_inside() -> None:
    p = params()
    opt = fastopt.SGD(p, momentum=0.9)
    opt.step(grads(p))
    before = bits(p)
    with opt.at_nesterov_point():
        ahead = bits(p)
        with pytest.raises(RuntimeError, match="looks ahead: take the step after the with block"):
            opt.step(grads(p))
        with pytest.raises(RuntimeError, match="looks ahead"), opt.at_nesterov_point():
            pass
        assert bits(p) == ahead
    assert bits(p) == before
    assert opt.step_count == 1


def test_nesterov_s_own_formula() -> None:
    p = {"w": np.linspace(-1, 1, 9)}
    opt = fastopt.SGD(p, lr=0.05, momentum=0.9, lr_in_buffer=True)
    w, v = p["w"].copy(), np.zeros(9)
    for t in range(50):
        opt.lr = lr = 0.05 / (1 + t)
        with opt.at_nesterov_point():
            g = grads(p)
        opt.step(g)
        v = 0.9 * v + lr * -np.sin(w - 0.9 * v)
        w = w - v
    np.testing.assert_allclose(p["w"], w, rtol=1e-13)  # two orders of the same products


def test_groups_have_their_own_momentum() -> None:
    a, b = np.ones(3), np.ones(3)
    opt = fastopt.SGD([{"params": a, "momentum": 0.5}, {"params": b, "momentum": 0.25}], lr=1.0)
    opt.step([np.ones(3), np.ones(3)])
    with opt.at_nesterov_point():
        assert a.tolist() == [-0.5] * 3
        assert b.tolist() == [-0.25] * 3


def test_momentum_that_has_only_been_switched_on_does_not_move() -> None:
    p = np.ones(3)
    opt = fastopt.SGD(p)
    opt.step(np.ones(3))
    opt.momentum = 0.9
    before = p.copy()
    with opt.at_nesterov_point():
        np.testing.assert_array_equal(p, before)


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("adam", {}, TypeError, "Adam has no momentum to look ahead along; SGD and RMSprop have"),
        ("sgd", {}, ValueError, r"at_nesterov_point needs momentum > 0 .* they are 0 and False"),
        ("sgd", {"momentum": 0.9, "nesterov": True}, ValueError, r"they are 0\.9 and True"),
    ],
)
def test_who_cannot(name: str, options: Params, error: type[Exception], words: str) -> None:
    p = params()
    opt = fastopt.get(name, p, **options)
    before = bits(p)
    with pytest.raises(error, match=words), opt.at_nesterov_point():
        pass
    assert bits(p) == before
    opt.step(grads(p))  # and it is free again


def test_copies_of_the_parameters_follow() -> None:
    p, half = np.linspace(-1.0, 1.0, 99, dtype=np.float32), np.zeros(99, np.float16)
    opt = fastopt.SGD(p, momentum=0.9, lr=1.0, cast_to=half)
    opt.step(np.cos(p))
    before = half.copy()
    with opt.at_nesterov_point():
        np.testing.assert_array_equal(half, p.astype(np.float16))
        assert (half != before).any()
    np.testing.assert_array_equal(half, before)


def test_a_parameter_that_was_replaced() -> None:
    p = params()
    opt = fastopt.SGD(p, momentum=0.9)
    p["w"] = p["w"] * 1
    with (
        pytest.raises(ValueError, match="is not the array that this optimizer updates"),
        opt.at_nesterov_point(),
    ):
        pass


def test_another_thread_has_to_wait() -> None:
    p = params()
    opt = fastopt.SGD(p, momentum=0.9)
    errors: list[str] = []

    def step() -> None:
        try:
            opt.step(grads(p))
        except RuntimeError as error:
            errors.append(str(error))

    with opt.at_nesterov_point():
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_the_old_name_still_works_and_names_the_new() -> None:
    opt = fastopt.SGD([np.ones(2)], momentum=0.9)
    opt.step([np.ones(2)])
    with pytest.warns(DeprecationWarning, match=r"at_nesterov_point\(\)"):
        ahead = opt.lookahead()
    with ahead, pytest.raises(RuntimeError, match="looks ahead"):
        opt.step([np.ones(2)])
