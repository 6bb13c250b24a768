"""Schedule-Free: where the model is used, and the way back to where it is trained, bit by bit."""

import gc
import threading
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from support.by_hand import same

import fastopt
from fastopt import functional
from fastopt.moves.base import give_back, move
from fastopt.optimizers.schedule_free import ScheduleFree

Params = dict[str, Any]

CLASSES: dict[str, type[ScheduleFree]] = {
    "sgdschedulefree": fastopt.SGDScheduleFree,
    "adamwschedulefree": fastopt.AdamWScheduleFree,
}
EACH = pytest.mark.parametrize("name", CLASSES)


def params(dtype: Any = np.float32) -> Params:
    rng = np.random.default_rng(0)
    return {
        "w": rng.standard_normal((40, 30)).astype(dtype),
        "f": np.asfortranarray(rng.standard_normal((5, 7)).astype(dtype)),
        "b": np.asarray(dtype(0.7)),
        "none": np.zeros((0, 3), dtype),
    }


def grads(p: Params) -> Params:
    """Of sum(cos(w)), so that it depends on where the parameters are."""
    return {k: np.asarray(-np.sin(v)) for k, v in p.items()}


def bits(p: Params) -> list[bytes]:
    return [v.tobytes("A") for v in p.values()]


def trained(name: str, steps: int = 3, dtype: Any = np.float32, **options: Any) -> tuple[Params, Any]:
    p = params(dtype)
    opt = fastopt.get(name, p, **options)
    for _ in range(steps):
        opt.step(grads(p))
    return p, opt


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_view_and_the_way_back(name: str, dtype: Any, backend: str) -> None:
    p, opt = trained(name, dtype=dtype, backend=backend, warmup_steps=2, lr=0.1)
    for _ in range(3):
        y = {k: v.copy(order="K") for k, v in p.items()}
        weight = dtype(1.0 - 1.0 / 0.9)
        with opt.averaged():
            for key, value in p.items():
                expected = y[key] + weight * (opt.state[key]["z"] - y[key])
                assert same(value, expected)
                assert (value != y[key]).all()
            x = bits(p)
        assert bits(p) == bits(y)
        opt.eval()
        opt.eval()  # once more does nothing
        assert bits(p) == x
        opt.train()
        opt.train()
        assert bits(p) == bits(y)
        opt.step(grads(p))


@EACH
def test_evaluating_changes_nothing_in_training(name: str, backend: str) -> None:
    one, opt = trained(name, backend=backend)
    other, twin = trained(name, backend=backend)
    for _ in range(3):
        opt.eval()
        opt.train()
        with opt.averaged():
            pass
        opt.step(grads(one))
        twin.step(grads(other))
    assert bits(one) == bits(other)


@EACH
def test_x_is_the_weighted_mean_of_z(name: str) -> None:
    """From what is said of it in the paper: x is a mean, with the weights of the steps."""
    p = params(np.float64)
    opt: Any = fastopt.get(name, p, warmup_steps=4, r=1.0, lr=0.1)
    zs = []
    for _ in range(10):
        opt.step(grads(p))
        zs.append(opt.state["w"]["z"].copy())
    weights = [t * min(1.0, t / 4.0) ** 2 for t in range(1, 11)]
    opt.eval()
    # y is formed and taken apart again, in double: some roundings.
    np.testing.assert_allclose(p["w"], np.average(zs, axis=0, weights=weights), rtol=1e-12)


@EACH
def test_before_the_first_step_there_is_nothing_to_move(name: str) -> None:
    p = params()
    opt: Any = fastopt.get(name, p)
    before = bits(p)
    opt.eval()
    assert bits(p) == before
    opt.train()
    with opt.averaged():
        assert bits(p) == before
    opt.step({**grads(p), "w": None})
    with opt.averaged():
        assert p["w"].tobytes() == before[0]
        assert p["f"].tobytes("A") != before[1]


@EACH
def test_no_step_in_eval_mode(name: str) -> None:
    p, opt = trained(name)
    opt.eval()
    x = bits(p)
    calls: list[Callable[[], Any]] = [
        lambda: opt.step(grads(p)),
        lambda: opt.accumulate(grads(p)),
        lambda: opt.averaged().__enter__(),
        lambda: opt.perturbed(grads(p)).__enter__(),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match=r"is in eval mode: call its train\(\) first"):
            call()
    assert bits(p) == x
    assert opt.step_count == 3
    opt.train()
    opt.step(grads(p))
    assert opt.step_count == 4


def test_no_step_and_no_eval_mode_inside_a_block() -> None:
    p, opt = trained("sgdschedulefree")
    before = bits(p)
    with opt.averaged():
        for call in (lambda: opt.step(grads(p)), opt.eval, lambda: opt.averaged().__enter__()):
            with pytest.raises(RuntimeError, match="has its averages in the parameters: take the step"):
                call()
        opt.train()  # it is not in eval mode
        assert bits(p) != before
    assert bits(p) == before


def test_an_exception_gives_the_parameters_back() -> None:
    p, opt = trained("sgdschedulefree")
    before = bits(p)

    def fail() -> None:
        with opt.averaged():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert bits(p) == before
    opt.step(grads(p))


@pytest.mark.parametrize("where", ["move", "copied"])
def test_eval_that_fails_leaves_training_as_it_was(where: str, monkeypatch: Any) -> None:
    p, opt = trained("sgdschedulefree")
    before = bits(p)

    def failing(*args: Any) -> None:
        if where == "move":
            move(*args)
        raise MemoryError

    monkeypatch.setattr(f"fastopt.moves.evaluation.{where}", failing)
    with pytest.raises(MemoryError):
        opt.eval()
    assert bits(p) == before
    opt.step(grads(p))


def test_the_model_outlives_its_optimizer() -> None:
    p, opt = trained("adamwschedulefree")
    opt.eval()
    x = bits(p)
    del opt
    gc.collect()
    assert bits(p) == x


def test_a_parameter_that_was_replaced() -> None:
    p, opt = trained("sgdschedulefree")
    w = p["w"]
    p["w"] = w * 1
    for call in (opt.eval, lambda: opt.averaged().__enter__()):
        with pytest.raises(ValueError, match="is not the array that this optimizer updates"):
            call()
    p["w"] = w
    before = bits(p)
    opt.eval()
    p["w"] = w * 1
    with pytest.raises(ValueError, match="is not the array that this optimizer updates"):
        opt.train()
    with pytest.raises(RuntimeError, match="eval mode"):
        opt.step(grads(p))
    p["w"] = w
    opt.train()
    assert bits(p) == before


def test_train_in_another_thread() -> None:
    p, opt = trained("sgdschedulefree")
    before = bits(p)
    opt.eval()
    thread = threading.Thread(target=opt.train)
    thread.start()
    thread.join()
    assert bits(p) == before
    opt.step(grads(p))


def test_copies_of_the_parameters_follow() -> None:
    p = {"w": np.linspace(-1.0, 1.0, 99, dtype=np.float32)}
    halves = {"w": np.zeros(99, ml_dtypes.bfloat16)}
    opt = fastopt.SGDScheduleFree(p, cast_to=halves)
    for _ in range(3):
        opt.step(grads(p))
    trained_at = halves["w"].copy()
    opt.eval()
    assert same(halves["w"], p["w"].astype(ml_dtypes.bfloat16))
    assert not same(halves["w"], trained_at)
    opt.train()
    assert same(halves["w"], trained_at)
    with opt.averaged():
        assert not same(halves["w"], trained_at)
    assert same(halves["w"], trained_at)


def test_averages_of_ema_are_of_the_parameters_of_training() -> None:
    p, opt = trained("sgdschedulefree", ema=0.9)
    kept = opt.ema_state["w"].copy()
    with opt.averaged():
        assert (p["w"] != kept).any()
        assert same(opt.ema_state["w"], kept)


def test_groups_have_their_own_momentum() -> None:
    a, b = np.zeros(3), np.zeros(3)
    groups = [{"params": a, "momentum": 0.5}, {"params": b, "momentum": 0.25}]
    opt = fastopt.SGDScheduleFree(groups, lr=1.0)
    for _ in range(2):
        opt.step([np.ones(3), np.ones(3)])
    # z is -1 and -2, so x is -1.5 and y between it and z
    assert a.tolist() == [-1.75] * 3
    assert b.tolist() == [-1.875] * 3
    opt.eval()
    assert a.tolist() == b.tolist() == [-1.5] * 3


def test_the_scalars_that_are_carried() -> None:
    p, z = np.zeros(3), np.full(3, 7.0)  # what z begins with makes no difference
    q = np.zeros(3)
    opt = fastopt.SGDScheduleFree(q, lr=0.5, warmup_steps=4, r=1.0)
    carried: dict[str, float] = {}
    for t in (1, 2, 3):
        carried = functional.sgdschedulefree(
            p, np.ones(3), z, t=t, lr=0.5, warmup_steps=4, r=1.0, **carried
        )
        opt.step(np.ones(3))
    assert p.tobytes() == q.tobytes()
    assert carried == {"weight_sum": (1 + 2 * 4 + 3 * 9) / 64, "lr_max": 0.375}


def test_the_largest_rate_weighs_when_the_rate_falls() -> None:
    p = np.zeros(1)
    opt = fastopt.SGDScheduleFree(p, lr=1.0, momentum=0.5)
    opt.step(np.ones(1))
    opt.lr = 0.5
    opt.step(np.ones(1))
    opt.eval()
    assert p.tolist() == [-1.25]  # z is -1 and -1.5, with equal weights


@pytest.mark.parametrize(
    ("cls", "options", "words"),
    [
        (fastopt.AdamWScheduleFree, {"betas": (0.0, 0.9)}, r"betas\[0\] is 0\.0; it must be > 0 here"),
        (fastopt.SGDScheduleFree, {"momentum": 0.0}, "momentum is 0.0; it must be .* > 0"),
        (fastopt.SGDScheduleFree, {"momentum": 1.0}, "momentum is 1.0; it must be .* < 1"),
        (fastopt.SGDScheduleFree, {"warmup_steps": -1}, "warmup_steps is -1.0; it must be"),
    ],
)
def test_what_the_averages_could_not_be_found_from(cls: Any, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cls(np.zeros(3), **options)


def test_kinds_of_decay_that_it_has_not() -> None:
    for kind in ("fixed", "after"):
        with pytest.raises(TypeError, match=f"decoupled_weight_decay is '{kind}'"):
            fastopt.AdamWScheduleFree(np.zeros(3), decoupled_weight_decay=kind)  # type: ignore[arg-type]


def test_give_back_is_of_bits() -> None:
    p = np.array([np.nan, -0.0, np.inf, 5e-324])
    p.view(np.uint64)[0] = 0x7FF8_0000_0000_0123
    opt = fastopt.SGDScheduleFree(p)
    before = p.copy()
    p[...] = 1.0
    give_back(opt._core.bound, [before])
    assert p.tobytes() == before.tobytes()
