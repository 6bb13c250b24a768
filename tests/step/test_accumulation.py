"""accumulate: gradients of several calls are added up, and every k-th call steps with their mean."""

import threading
from typing import Any

import numpy as np
import pytest
from support.by_hand import (
    LR,
    MOMENTUM,
    ByHand,
    Gradients,
    Model,
    assert_same,
    bfloat16,
    copies_for,
    gradients,
    model,
)

import fastopt

DTYPES = [np.float32, np.float64]


def added(calls: list[Gradients], params: Model) -> Gradients:
    """The sum in the order of the calls; None where there was no gradient."""
    totals: Gradients = {}
    for name, p in params.items():
        given = [g[name].astype(p.dtype) for g in calls if g[name] is not None]
        totals[name] = sum(given, np.zeros_like(p)) if given else None
    return totals


OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "limits": {"global_clipnorm": 2.0, "clipvalue": 0.05, "loss_scale": 3.0, "nonfinite": "raise"},
    "everything": {
        "clipnorm": 1.0,
        "weight_decay": 0.3,
        "maximize": True,
        "stats": True,
        "zero_grads": True,
        "cast_grads": True,
        "cast_to": bfloat16,
        "ema": 0.9,
        "ema_bias_correction": True,
    },
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_equals_one_step_with_the_mean(k: int, name: str, dtype: Any, backend: str) -> None:
    options = dict(OPTIONS[name])
    p = model(dtype)
    by_hand = ByHand(p, **options)
    if "cast_to" in options:
        options["cast_to"] = copies_for(p, options["cast_to"])
    opt = fastopt.SGD(
        p, lr=LR, momentum=MOMENTUM, gradient_accumulation_steps=k, backend=backend, **options
    )
    for step in range(3):
        calls = [gradients(dtype, 100 * step + call) for call in range(k)]
        calls[0]["f"] = None
        for g in calls if step == 1 else []:
            g["w"] = None
        by_hand.step(added(calls, p), k)
        for call, g in enumerate(calls):
            assert opt.step_count == step
            assert opt.accumulate(g) is (call == k - 1)
            if options.get("zero_grads"):
                assert not any(x.any() for x in g.values() if x is not None)
        assert_same(p, by_hand.p, "the parameter")
        assert_same({n: s["b"] for n, s in opt.state.items()}, by_hand.b, "the buffer")
        if "ema" in options:
            assert_same(opt.ema_state, by_hand.e, "the average")
            assert_same(options["cast_to"], by_hand.copies, "the copy")
        if opt.grad_norm is not None:
            assert opt.grad_norm == by_hand.grad_norm
    assert opt.step_count == 3


def test_gradients_are_left_as_they_are(backend: str) -> None:
    p = model(np.float32)
    opt = fastopt.SGD(p, gradient_accumulation_steps=2, backend=backend)
    for seed in (1, 2):
        g = gradients(np.float32, seed)
        opt.accumulate(g)
        assert_same(g, gradients(np.float32, seed), "the gradient")


def test_nothing_moves_before_the_last_call(backend: str) -> None:
    p = model(np.float32)
    copies = copies_for(p, np.float16)
    opt = fastopt.Adam(p, gradient_accumulation_steps=3, ema=0.9, cast_to=copies, backend=backend)
    trees = [p, copies, opt.ema_state, *opt.state.values()]
    before = [[a.tobytes() for a in tree.values()] for tree in trees]
    for seed in (1, 2):
        assert not opt.accumulate(gradients(np.float32, seed))
        assert [[a.tobytes() for a in tree.values()] for tree in trees] == before
    assert opt.accumulate(gradients(np.float32, 3))
    assert [[a.tobytes() for a in tree.values()] for tree in trees] != before


def test_layouts_and_dtypes_can_change_between_calls(backend: str) -> None:
    p, q = np.ones((5, 7), np.float32), np.ones((5, 7), np.float32)
    opt, twin = (
        fastopt.Adam(
            x, gradient_accumulation_steps=4, cast_grads=True, zero_grads=True, backend=backend
        )
        for x in (p, q)
    )
    rng = np.random.default_rng(0)
    for _ in range(2):
        g = [rng.integers(-9, 9, (5, 7)).astype(np.float32) for _ in range(4)]
        wide = np.zeros((10, 14), np.float16)
        wide[::2, ::2] = g[3]
        given: list[Any] = [
            g[0].T.copy().T,
            g[1].astype(np.float64),
            g[2].astype(bfloat16),
            wide[::2, ::2],
        ]
        assert [opt.accumulate(x) for x in given] == [False, False, False, True]
        assert [twin.accumulate(x) for x in g] == [False, False, False, True]
        assert p.tobytes() == q.tobytes()
        assert not any(x.any() for x in (*given, *g))


def test_a_parameter_without_any_gradient_sits_out(backend: str) -> None:
    p, twins = [np.ones(2), np.ones(2)], [np.ones(2), np.ones(2)]
    opt = fastopt.Adam(p, lr=0.1, weight_decay=0.5, gradient_accumulation_steps=2, backend=backend)
    twin = fastopt.Adam(twins, lr=0.1, weight_decay=0.5, backend=backend)
    courses: list[tuple[list[Any], Any]] = [
        ([(1, None), (1, None)], (1, None)),
        ([(None, 1), (1, None)], (0.5, 0.5)),
        ([(2, 2), (2, 2)], (2, 2)),
    ]
    for calls, mean in courses:
        for call in calls:
            opt.accumulate([None if x is None else np.full(2, float(x)) for x in call])
        twin.step([None if x is None else np.full(2, float(x)) for x in mean])
        assert [x.tolist() for x in p] == [x.tolist() for x in twins]


def test_bound_gradients(backend: str) -> None:
    p, g = np.zeros(2), np.ones(2)
    options: dict[str, Any] = {"gradient_accumulation_steps": 2, "zero_grads": True}
    opt = fastopt.SGD(p, lr=1.0, grads=g, backend=backend, **options)
    for value in (2.0, 4.0):
        g[...] = value
        opt.accumulate()
    assert p.tolist() == [-3.0] * 2
    assert g.tolist() == [0.0] * 2


def test_limits_are_for_the_mean(backend: str) -> None:
    p = np.zeros(2)
    opt = fastopt.SGD(
        p, lr=1.0, global_clipnorm=1.0, clipvalue=9.0, gradient_accumulation_steps=2, backend=backend
    )
    opt.accumulate(np.array([300.0, 0.0]))
    opt.accumulate(np.array([-300.0, 0.5]))
    assert p.tolist() == [0.0, -0.25]
    assert opt.grad_norm == 0.25


def test_a_bad_gradient_is_not_added(backend: str) -> None:
    p, q = model(np.float32), model(np.float32)
    opt = fastopt.SGD(p, lr=1.0, gradient_accumulation_steps=2, zero_grads=True, backend=backend)
    twin = fastopt.SGD(q, lr=1.0, gradient_accumulation_steps=2, backend=backend)
    for seed in (1, 2):
        bad = gradients(np.float32, 7)
        bad["long"] = bad["long"].astype(np.int32)
        given = {k: g.tobytes() for k, g in bad.items()}
        with pytest.raises(TypeError, match="the gradient of 'long' has dtype int32"):
            opt.accumulate(bad)
        assert {k: g.tobytes() for k, g in bad.items()} == given
        good = (gradients(np.float32, seed), gradients(np.float32, seed))
        assert opt.accumulate(good[0]) is twin.accumulate(good[1])
    assert_same(p, q, "the parameter")


def test_raising_begins_again(backend: str) -> None:
    p = np.ones(2)
    opt = fastopt.SGD(
        p, lr=1.0, gradient_accumulation_steps=2, nonfinite="raise", zero_grads=True, backend=backend
    )
    opt.accumulate(np.array([np.nan, 1.0]))
    with pytest.raises(FloatingPointError, match=r"of 'params' is not finite: 1 of 2 .* at \(0,\)"):
        opt.accumulate(np.ones(2))
    assert (p.tolist(), opt.step_count) == ([1.0, 1.0], 0)
    assert not opt.accumulate(np.ones(2))
    assert opt.accumulate(np.full(2, 3.0))
    assert p.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("options", [{"nonfinite": "skip"}, {"loss_scale": "dynamic"}])
def test_skipping_begins_again(options: dict[str, Any], backend: str) -> None:
    p = np.ones(2)
    opt = fastopt.SGD(p, lr=1.0, gradient_accumulation_steps=2, backend=backend, **options)
    opt.accumulate(np.array([np.inf, 1.0]))
    assert opt.accumulate(np.ones(2)) is False
    assert (p.tolist(), opt.step_count, opt.skipped) == ([1.0, 1.0], 0, 1)
    scale = opt.loss_scale
    assert scale == (32768.0 if "loss_scale" in options else 1.0)
    assert not opt.accumulate(scale * np.ones(2))
    assert opt.accumulate(scale * np.full(2, 3.0))
    assert p.tolist() == [-1.0, -1.0]


def test_another_failure_keeps_the_sum(backend: str) -> None:
    betas: list[Any] = ["no number", 0.5]
    p = np.zeros(2)
    opt = fastopt.SGD(
        p, lr=1.0, gradient_accumulation_steps=2, ema=lambda step: betas[0], backend=backend
    )
    opt.accumulate(np.full(2, 2.0))
    with pytest.raises(TypeError, match="ema"):
        opt.accumulate(np.full(2, 4.0))
    assert (p.tolist(), opt.step_count) == ([0.0, 0.0], 0)
    del betas[0]
    assert opt.accumulate(np.full(2, 4.0)), "it is in the sum already"
    assert p.tolist() == [-3.0, -3.0]
    assert not opt.accumulate(np.full(2, 4.0))


def test_a_replaced_parameter_is_noticed_before_anything_is_added(backend: str) -> None:
    p = {"w": np.zeros(2)}
    opt = fastopt.SGD(p, lr=1.0, gradient_accumulation_steps=2, backend=backend)
    w = p["w"]
    opt.accumulate({"w": np.ones(2)})
    p["w"] = np.zeros(2)
    with pytest.raises(ValueError, match="is not the array that this optimizer updates"):
        opt.accumulate({"w": np.ones(2)})
    p["w"] = w
    assert opt.accumulate({"w": np.full(2, 3.0)})
    assert w.tolist() == [-2.0] * 2


def test_another_thread_has_to_wait() -> None:
    opt = fastopt.SGD(np.zeros(2), momentum=0.9)
    errors: list[str] = []

    def accumulate() -> None:
        try:
            opt.accumulate(np.ones(2))
        except RuntimeError as error:
            errors.append(str(error))

    with opt.at_nesterov_point():
        thread = threading.Thread(target=accumulate)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_what_changes_between_calls_holds_for_the_step(backend: str) -> None:
    p = np.zeros(2)
    opt = fastopt.SGD(p, lr=1.0, gradient_accumulation_steps=2, backend=backend)
    opt.accumulate(np.full(2, 2.0))
    opt.lr = 0.5
    opt.momentum = 0.9
    opt.accumulate(np.full(2, 4.0))
    assert p.tolist() == [-1.5] * 2
