"""SAM and ASAM: the parameters move uphill for the time of a block, and come back bit by bit."""

import math
import threading
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from support.by_hand import in_order_of, norm, same, together

import fastopt

Params = dict[str, Any]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def params(dtype: Any = np.float32) -> Params:
    rng = np.random.default_rng(0)
    return {
        "w": rng.standard_normal((70, 90)).astype(dtype),
        "f": np.asfortranarray(rng.standard_normal((5, 7)).astype(dtype)),
        "b": np.asarray(dtype(0.7)),
        "zero": np.zeros(3, dtype),
        "none": np.zeros((0, 3), dtype),
    }


def grads(p: Params) -> Params:
    """Of sum(sin(w)), so that it depends on where the parameters are."""
    return {k: np.asarray(np.cos(v)) for k, v in p.items()}


def bits(p: Params) -> list[bytes]:
    return [v.tobytes("A") for v in p.values()]


def expected(p: Params, g: Params, rho: float, eta: float | None) -> Params:
    """The formulas with the contract's roundings: sums in double, scalars rounded once."""
    along = {}
    for key, v in p.items():
        reach = None if eta is None else np.abs(v) + v.dtype.type(eta)
        along[key] = g[key] if reach is None else reach * g[key]
    length = together([norm(in_order_of(p[k], np.asarray(d))) for k, d in along.items()])
    moved = {}
    for key, v in p.items():
        scale = v.dtype.type(rho / length)
        if eta is None:
            moved[key] = v + scale * g[key]
        else:
            reach = np.abs(v) + v.dtype.type(eta)
            moved[key] = v + reach * (scale * (reach * g[key]))
    return moved


@DTYPES
@pytest.mark.parametrize("eta", [None, 0.0, 0.01, 0.5], ids=str)
def test_the_bits_of_the_formula_and_the_way_back(eta: float | None, dtype: Any, backend: str) -> None:
    p = params(dtype)
    opt = fastopt.Adam(p, backend=backend)
    options: Params = {} if eta is None else {"adaptive": True, "eta": eta}
    for rho in (0.05, 2.0):
        before, g = bits(p), grads(p)
        wanted = expected(p, g, rho, eta)
        with opt.perturbed(g, rho=rho, **options):
            for key, value in p.items():
                assert same(value, wanted[key]), key
            there = grads(p)
        assert bits(p) == before
        opt.step(there)
        assert bits(p) != before


@DTYPES
def test_against_the_papers_formulas(dtype: Any) -> None:
    """All elements as one vector, in double, as the papers write them."""
    p, g = params(dtype), grads(params(dtype))
    w = np.concatenate([v.astype(np.float64).reshape(-1) for v in p.values()])
    d = np.concatenate([v.astype(np.float64).reshape(-1) for v in g.values()])
    reach = np.abs(w) + 0.01
    opt = fastopt.SGD(p)
    for options, wanted in (
        ({}, w + 0.05 * d / np.linalg.norm(d)),
        ({"adaptive": True}, w + 0.05 * reach**2 * d / np.linalg.norm(reach * d)),
    ):
        with opt.perturbed(g, **options):
            found = np.concatenate([v.reshape(-1) for v in p.values()])
        # Four roundings of a move that is small beside the largest parameter.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=4 * np.finfo(dtype).eps)


def test_a_whole_run_of_sam_by_hand() -> None:
    p = {"w": np.linspace(-1.0, 1.0, 9)}
    opt = fastopt.SGD(p, lr=0.1)
    w = p["w"].copy()
    for _ in range(30):
        with opt.perturbed(grads(p), rho=0.1):
            there = grads(p)
        opt.step(there)
        g = np.cos(w)
        w = w - 0.1 * np.cos(w + 0.1 * g / np.sqrt(np.sum(g * g)))
    np.testing.assert_allclose(p["w"], w, rtol=1e-13)  # another order of the same sum


def test_defaults() -> None:
    p, g = params(), grads(params())
    opt = fastopt.SGD(p)
    for given, spelt in (({}, {"rho": 0.05}), ({"adaptive": True}, {"adaptive": True, "eta": 0.01})):
        with opt.perturbed(g, **given):
            found = bits(p)
        with opt.perturbed(g, **spelt):  # type: ignore[arg-type]
            assert bits(p) == found


@pytest.mark.parametrize("adaptive", [False, True])
def test_parameters_that_sit_out_stay(adaptive: bool, backend: str) -> None:
    p, rest = params(), params()
    del rest["w"]
    opt, of_rest = (fastopt.SGD(each, backend=backend) for each in (p, rest))
    before = p["w"].tobytes()
    with (
        opt.perturbed({**grads(p), "w": None}, adaptive=adaptive),
        of_rest.perturbed(grads(rest), adaptive=adaptive),
    ):
        assert p["w"].tobytes() == before
        assert bits(p)[1:] == bits(rest)
        g = grads(p)
    opt.step(g)  # and with all of them


@pytest.mark.parametrize("adaptive", [False, True])
def test_gradients_of_other_layouts_and_dtypes(adaptive: bool, backend: str) -> None:
    p = params()
    opt = fastopt.SGD(p, cast_grads=True, backend=backend)
    g = grads(p)
    wide = np.zeros((90, 140), np.float32)
    wide[:, ::2] = g["w"].T
    half = g["f"].astype(ml_dtypes.bfloat16)
    g["f"] = half.astype(np.float32)
    with opt.perturbed(g, adaptive=adaptive):
        found = bits(p)
    others = {"w": wide.T[::2], "f": half, "b": np.float64(g["b"]), "zero": g["zero"].astype(float)}
    with opt.perturbed({**others, "none": g["none"]}, adaptive=adaptive):
        assert bits(p) == found


@pytest.mark.parametrize("adaptive", [False, True])
def test_zero_gradients_do_not_move(adaptive: bool, backend: str) -> None:
    p = params()
    opt = fastopt.SGD(p, backend=backend)
    before = bits(p)
    for g in ({k: np.zeros_like(v) for k, v in p.items()}, dict.fromkeys(p)):
        with opt.perturbed(g, adaptive=adaptive):
            assert bits(p) == before
    with opt.perturbed(grads(p), rho=0.0, adaptive=adaptive):
        assert all((v == w).all() for v, w in zip(p.values(), params().values(), strict=True))


@pytest.mark.parametrize("value", [1e-44, 1e-30, 1e30])
def test_gradients_near_the_ends_of_the_range(value: float, backend: str) -> None:
    """The norm of each is in range; a float32 has too few digits at 1e-44 for more than a bound."""
    p = np.zeros(4, np.float32)
    g = np.array([value, -value, 0.0, 0.0], np.float32)
    opt = fastopt.SGD(p, backend=backend)
    with opt.perturbed(g, rho=0.5):
        length = float(np.linalg.norm(p))
        assert np.isfinite(p).all()
    if value == 1e-44:
        assert 0.0 < length < 0.5
    else:
        assert length == pytest.approx(0.5, rel=1e-6)  # of float32
    with opt.perturbed(g, rho=0.5, adaptive=True, eta=2.0):
        assert np.isfinite(p).all()


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gradients_that_are_not_finite(value: float, adaptive: bool, backend: str) -> None:
    p = params()
    g = grads(p)
    g["f"][2, 1] = value
    before = bits(p)
    for nonfinite in ("propagate", "skip"):
        opt = fastopt.SGD(p, nonfinite=nonfinite, backend=backend)
        with opt.perturbed(g, adaptive=adaptive):
            assert bits(p) == before
        assert opt.skipped == 0
    opt.nonfinite = "raise"
    with (
        pytest.raises(FloatingPointError, match=r"of 'f' is not finite: 1 of 35 .* first at \(2, 1\)"),
        opt.perturbed(g, adaptive=adaptive),
    ):
        pass
    assert bits(p) == before
    opt.step(grads(p))


def test_a_product_that_is_not_finite_is_named_as_such() -> None:
    p = np.full(3, 1e30, np.float32)
    opt = fastopt.SGD(p, nonfinite="raise")
    with (
        pytest.raises(FloatingPointError, match=r"the gradient times \|p\| \+ eta of 'params' is not"),
        opt.perturbed(p.copy(), adaptive=True),
    ):
        pass
    with opt.perturbed(p.copy()):
        pass


def test_a_loss_scale_makes_no_difference() -> None:
    p = params()
    opt = fastopt.SGD(p, loss_scale=1024.0)  # a power of two, so that not a bit is another
    with opt.perturbed(grads(p)):
        found = bits(p)
    with opt.perturbed({k: np.float32(1024.0) * g for k, g in grads(p).items()}):
        assert bits(p) == found


def test_maximize_goes_downhill_and_each_group_its_way(backend: str) -> None:
    a, b = np.zeros(1), np.zeros(1)
    opt = fastopt.SGD([{"params": a}, {"params": b, "maximize": True}], backend=backend)
    for adaptive in (False, True):
        with opt.perturbed([np.array([3.0]), np.array([4.0])], rho=5.0, adaptive=adaptive, eta=1.0):
            assert (a.item(), b.item()) == (3.0, -4.0)


@pytest.mark.parametrize("adaptive", [False, True])
def test_gradients_are_zeroed_if_that_is_asked_for(adaptive: bool, backend: str) -> None:
    p = params()
    opt = fastopt.SGD(p, zero_grads=True, backend=backend)
    nan = {k: np.full_like(v, np.nan) for k, v in p.items()}
    for g in (grads(p), nan):
        with opt.perturbed(g, adaptive=adaptive):
            assert not any(v.any() for v in g.values())
    opt.zero_grads = False
    g = grads(p)
    with opt.perturbed(g, adaptive=adaptive):
        assert bits(g) == bits(grads(params()))


def test_bound_gradients_and_accumulation() -> None:
    p = np.zeros(2)
    g = np.array([3.0, 4.0])
    opt = fastopt.SGD(p, lr=1.0, grads=g, gradient_accumulation_steps=2)
    for _ in range(2):
        with opt.perturbed(rho=5.0):
            assert p.tolist() == [3.0, 4.0]
        opt.accumulate()
    assert p.tolist() == [-3.0, -4.0]
    other = fastopt.SGD(np.zeros(2))
    with pytest.raises(TypeError, match="there are no gradients"), other.perturbed():
        pass
    other.step(g)


def test_copies_of_the_parameters_follow() -> None:
    p, half = np.linspace(-1.0, 1.0, 99, dtype=np.float32), np.zeros(99, np.float16)
    opt = fastopt.SGD(p, cast_to=half)
    before = half.copy()
    with opt.perturbed(np.cos(p), rho=1.0):
        assert same(half, p.astype(np.float16))
        assert not same(half, before)
    assert same(half, before)


def test_an_exception_gives_the_parameters_back() -> None:
    p = params()
    opt = fastopt.SGD(p)
    before = bits(p)

    def fail() -> None:
        with opt.perturbed(grads(p)):
            assert bits(p) != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert bits(p) == before
    opt.step(grads(p))


def test_no_step_and_no_second_block_inside() -> None:
    p = params()
    opt = fastopt.SGD(p, momentum=0.9)
    before = bits(p)
    with opt.perturbed(grads(p)):
        there = bits(p)
        calls: list[Callable[[], Any]] = [
            lambda: opt.step(grads(p)),
            lambda: opt.perturbed(grads(p)).__enter__(),
            lambda: opt.at_nesterov_point().__enter__(),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="has its parameters perturbed: take the step after"):
                call()
        assert bits(p) == there
    assert bits(p) == before
    assert opt.step_count == 0


def test_another_thread_has_to_wait() -> None:
    p = params()
    opt = fastopt.SGD(p)
    errors: list[str] = []

    def step() -> None:
        try:
            opt.step(grads(p))
        except RuntimeError as error:
            errors.append(str(error))

    with opt.perturbed(grads(p)):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rho": -0.1}, ValueError, r"rho is -0\.1; it must be a finite number >= 0"),
        ({"rho": math.inf}, ValueError, "rho is inf; it must be a finite number >= 0"),
        ({"rho": "a"}, TypeError, r"rho is 'a' \(str\); it must be a number >= 0"),
        ({"eta": -1}, ValueError, r"eta is -1\.0; it must be a finite number >= 0"),
        ({"eta": None}, TypeError, r"eta is None \(NoneType\); it must be a number >= 0"),
        ({"adaptive": 1}, TypeError, r"adaptive is 1 \(int\); it must be True or False"),
    ],
)
def test_bad_options(options: Params, error: type[Exception], words: str) -> None:
    p = params()
    opt = fastopt.SGD(p)
    before = bits(p)
    with pytest.raises(error, match=words), opt.perturbed(grads(p), **options):
        pass
    assert bits(p) == before
    opt.step(grads(p))  # and it is free again


def test_bad_gradients_and_replaced_parameters() -> None:
    p = params()
    opt = fastopt.SGD(p)
    before = bits(p)
    bad: list[tuple[Params, type[Exception], str]] = [
        (
            {**grads(p), "w": np.zeros((90, 70), np.float32)},
            ValueError,
            "the gradient of 'w' has shape",
        ),
        ({**grads(p), "w": np.zeros((70, 90))}, TypeError, "the gradient of 'w' has dtype float64"),
        ({**grads(p), "w": p["w"]}, ValueError, "the gradient of 'w' shares memory with parameter 'w'"),
        ({"w": None}, ValueError, "grads must have the keys of the parameters"),
    ]
    for g, error, words in bad:
        with pytest.raises(error, match=words), opt.perturbed(g):
            pass
        assert bits(p) == before
    p["w"] = p["w"] * 1
    with pytest.raises(ValueError, match="is not the array that"), opt.perturbed(grads(p)):
        pass
