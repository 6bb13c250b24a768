"""ema: the average of the parameters, and `averaged`, which swaps it in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from support.by_hand import Model, assert_same, bfloat16, gradients, model, same

import fastopt


def bits(p: Any) -> list[bytes]:
    return [v.tobytes("A") for v in p.values()]


def trained(backend: str, **options: Any) -> tuple[Model, fastopt.Optimizer]:
    p = model(np.float32)
    opt = fastopt.Adam(p, lr=0.1, backend=backend, **options)
    for seed in (5, 6):
        opt.step(gradients(np.float32, seed))
    return p, opt


def test_it_begins_at_the_parameters(backend: str) -> None:
    p = model(np.float32)
    for corrected in (False, True):
        opt = fastopt.SGD(p, ema=0.9, ema_bias_correction=corrected, backend=backend)
        assert_same(opt.ema_state, p, "the average")
        assert not any(np.shares_memory(opt.ema_state[k], p[k]) for k in p)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_textbook_s_average(corrected: bool, backend: str) -> None:
    p = np.linspace(-1.0, 1.0, 50)
    rng = np.random.default_rng(0)
    opt = fastopt.SGD(p, lr=1.0, ema=0.8, ema_bias_correction=corrected, backend=backend)
    e = np.zeros(50) if corrected else p.copy()
    for t in range(1, 20):
        opt.step(rng.standard_normal(50))
        e = 0.8 * e + 0.2 * p
        wanted = e / (1 - 0.8**t) if corrected else e
        np.testing.assert_allclose(opt.ema_state, wanted, rtol=1e-12, atol=1e-14)  # order of sums


def test_corrected_at_first_it_is_the_parameters(backend: str) -> None:
    p = model(np.float32)
    opt = fastopt.SGD(p, ema=0.999, ema_bias_correction=True, backend=backend)
    opt.step(gradients(np.float32, 1))
    assert_same(opt.ema_state, p, "the average")


def test_parameters_without_a_gradient_are_averaged_too(backend: str) -> None:
    p = [np.ones(3), np.ones(3)]
    opt = fastopt.SGD(p, lr=1.0, ema=0.5, backend=backend)
    opt.step([np.ones(3), np.ones(3)])
    opt.step([np.ones(3), None])
    opt.step([None, None])
    assert [x[0] for x in p] == [-1.0, 0.0]
    assert [x[0] for x in opt.ema_state] == [-0.625, 0.125]


def test_a_function_of_the_step_is_asked_once_for_each(backend: str) -> None:
    asked: list[int] = []

    def beta(step: int) -> float:
        asked.append(step)
        return 0.5

    p = np.ones(2)
    opt = fastopt.SGD(p, ema=beta, ema_bias_correction=True, nonfinite="skip", backend=backend)
    assert asked == []
    for g in (1.0, np.nan, 1.0):
        opt.step(np.full(2, g))
    assert asked == [0, 1]


@pytest.mark.parametrize(
    ("value", "error"),
    [(1.0, ValueError), (-0.1, ValueError), (np.nan, ValueError), ("0.9", TypeError), (None, TypeError),
     (True, TypeError)],
)  # fmt: skip
def test_a_function_that_gives_no_beta(value: Any, error: type[Exception], backend: str) -> None:
    beta: list[Any] = [value, 0.5]
    p, copy = model(np.float32), {k: np.zeros_like(v, np.float16) for k, v in model(np.float32).items()}
    opt = fastopt.Adam(p, ema=lambda step: beta[0], cast_to=copy, zero_grads=True, backend=backend)
    g = gradients(np.float32, 1)
    before = [bits(x) for x in (p, copy, g, opt.ema_state, *opt.state.values())]
    with pytest.raises(error, match=r"ema\(0\) is .*; it must be a (finite )?number >= 0 and < 1"):
        opt.step(g)
    assert [bits(x) for x in (p, copy, g, opt.ema_state, *opt.state.values())] == before
    assert opt.step_count == 0
    del beta[0]
    assert opt.step(g)


def test_what_a_function_can_give(backend: str) -> None:
    finals = []
    for value in (0.0, 0, np.float32(0.0), np.float64(0.0)):
        p = np.ones(2)
        opt = fastopt.SGD(p, ema=lambda step, value=value: value, backend=backend)
        opt.step(np.ones(2))
        finals.append(opt.ema_state.tobytes() == p.tobytes())
    assert finals == [True] * 4


def test_the_structure_is_that_of_the_parameters() -> None:
    a, b, c = np.ones(2), np.ones((2, 3), np.float32), np.asfortranarray(np.ones((2, 3)))
    nested = {"x": [a, (b, {"y": c})]}
    found = fastopt.SGD(nested, ema=0.5).ema_state
    assert type(found["x"][1]) is tuple
    assert same(found["x"][1][0], b)
    assert found["x"][1][1]["y"].strides == c.strides
    assert same(fastopt.SGD(a, ema=0.5).ema_state, a)
    groups = fastopt.SGD([{"params": {"a": a}}, {"params": (b,)}], ema=0.5).ema_state
    assert isinstance(groups[0], dict)
    assert type(groups[1]) is tuple
    opt = fastopt.SGD(a, ema=0.5)
    assert np.shares_memory(opt.ema_state, opt.ema_state)


@pytest.mark.parametrize("corrected", [False, True])
def test_swapped_in_and_back(corrected: bool, backend: str) -> None:
    p, opt = trained(backend, ema=0.9, ema_bias_correction=corrected)
    before, averages = bits(p), bits(opt.ema_state)
    assert before != averages
    places = [v.ctypes.data for v in p.values()]
    with opt.averaged():
        assert bits(p) == averages
        assert bits(opt.ema_state) == before
    assert (bits(p), bits(opt.ema_state)) == (before, averages)
    assert [v.ctypes.data for v in p.values()] == places


def test_swapping_more_than_a_piece_at_a_time() -> None:
    p = np.arange(300_000.0).reshape(600, 500, order="F")
    opt = fastopt.SGD(p, lr=1.0, ema=0.5)
    opt.step(np.ones((600, 500)))
    before, average = p.copy(), opt.ema_state.copy()
    with opt.averaged():
        np.testing.assert_array_equal(p, average)
    np.testing.assert_array_equal(p, before)
    np.testing.assert_array_equal(opt.ema_state, average)


def test_nan_and_negative_zero_come_back(backend: str) -> None:
    p = np.array([0x7FF8000000000001, 1 << 63, 0x7FF0000000000000], np.uint64).view(np.float64)
    opt = fastopt.SGD(p, ema=0.9, backend=backend)
    opt.step(np.ones(3))
    before = p.tobytes()
    with opt.averaged():
        pass
    assert p.tobytes() == before


def test_an_exception_swaps_back(backend: str) -> None:
    p, opt = trained(backend, ema=0.9)
    before = bits(p)

    def fail() -> None:
        with opt.averaged():
            assert bits(p) != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert bits(p) == before
    opt.step(gradients(np.float32, 9))


def test_no_step_inside(backend: str) -> None:
    p, opt = trained(backend, ema=0.9)
    before = bits(p)
    g = gradients(np.float32, 9)
    with opt.averaged():
        inside = bits(p)
        for act in (opt.step, opt.accumulate):
            with pytest.raises(RuntimeError, match="averages in the parameters: take the step after"):
                act(g)
        with pytest.raises(RuntimeError, match="averages in the parameters"), opt.averaged():
            pass
        assert bits(p) == inside
    assert bits(p) == before
    assert opt.step_count == 2
    opt.step(g)


def test_another_thread_has_to_wait() -> None:
    _, opt = trained("numpy", ema=0.9)
    errors: list[str] = []

    def step() -> None:
        try:
            opt.step(gradients(np.float32, 9))
        except RuntimeError as error:
            errors.append(str(error))

    with opt.averaged():
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_it_can_be_used_while_it_trains(backend: str) -> None:
    """Averaging in between changes no bit of what follows."""
    finals = []
    for looks in (False, True):
        p, opt = trained(backend, ema=0.9, ema_bias_correction=True)
        for seed in range(3):
            if looks:
                with opt.averaged():
                    pass
            opt.step(gradients(np.float32, seed))
        finals.append((bits(p), bits(opt.ema_state)))
    assert finals[0] == finals[1]


def test_none_to_swap() -> None:
    opt = fastopt.SGD(np.ones(2))
    with pytest.raises(ValueError, match=r"no averages of ema: make the optimizer with ema=0\.999$"):
        _ = opt.ema_state
    with pytest.raises(ValueError, match=r"no averages of swa_start: .* with swa_start=1000$"):
        _ = opt.swa_state
    words = r"no averages of ema or swa_start: make the optimizer with ema=0\.999 or swa_start=1000$"
    with pytest.raises(ValueError, match=words), opt.averaged():
        pass
    opt.step(np.ones(2))


@contextmanager
def frozen(array: Any) -> Iterator[None]:
    array.setflags(write=False)
    try:
        yield
    finally:
        array.setflags(write=True)


def test_what_cannot_be_swapped_is_not_swapped_by_half(backend: str) -> None:
    p, opt = trained(backend, ema=0.9)
    before = bits(p), bits(opt.ema_state)
    with (
        frozen(p["long"]),
        pytest.raises(ValueError, match=r"'long'.* is read-only"),
        opt.averaged(),
    ):
        pass
    assert (bits(p), bits(opt.ema_state)) == before
    p["w"] = p["w"] * 1
    with pytest.raises(ValueError, match="is not the array that this optimizer"), opt.averaged():
        pass
    assert (bits(p), bits(opt.ema_state)) == before


def test_copies_stay_those_of_the_parameters() -> None:
    p, copy = np.ones(3), np.zeros(3, bfloat16)
    opt = fastopt.SGD(p, lr=1.0, ema=0.5, cast_to=copy)
    opt.step(np.ones(3))
    with opt.averaged():
        assert p.tolist() == [0.5] * 3
        assert copy.astype(float).tolist() == [0.0] * 3
