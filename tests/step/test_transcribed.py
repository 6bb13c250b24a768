"""Each setting alone, and many together, against the transcription in plain NumPy: equal bits."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import (
    LR,
    MOMENTUM,
    ByHand,
    Gradients,
    assert_same,
    bfloat16,
    copies_for,
    gradients,
    model,
)

import fastopt

Options = dict[str, Any]


def rising(step: int) -> float:
    return min(0.9, (1 + step) / (10 + step))


ALONE: list[Options] = [
    {},
    {"global_clipnorm": 0.5},
    {"global_clipnorm": 1e9},
    {"clipnorm": 1.5},
    {"clipvalue": 0.75},
    {"loss_scale": 1024.0},
    {"loss_scale": 3.0},
    {"zero_grads": True},
    {"stats": True},
    {"nonfinite": "raise"},
    {"ema": 0.9},
    {"ema": rising},
    {"ema": 0.9, "ema_bias_correction": True},
    {"ema": rising, "ema_bias_correction": True},
    {"ema": 0.0},
    {"swa_start": 0},
    {"swa_start": 2},
    {"swa_start": 1, "swa_every": 2},
    {"swa_start": 9},
    {"lookahead_steps": 1},
    {"lookahead_steps": 2, "lookahead_alpha": 0.3},
    {"lookahead_steps": 3, "lookahead_alpha": 1.0},
    {"cast_to": bfloat16},
    {"cast_to": np.float16},
]
TOGETHER: list[Options] = [
    {"global_clipnorm": 2.0, "clipvalue": 0.05},
    {"global_clipnorm": 2.0, "loss_scale": 7.0, "maximize": True},
    {"clipnorm": 2.0, "clipvalue": 0.05, "weight_decay": 0.3},
    {"clipvalue": 0.5, "weight_decay": 0.3, "decoupled_weight_decay": True},
    {"zero_grads": True, "cast_to": bfloat16},
    {
        "global_clipnorm": 2.0,
        "clipvalue": 0.05,
        "loss_scale": 7.0,
        "nonfinite": "raise",
        "weight_decay": 0.3,
        "zero_grads": True,
        "stats": True,
        "ema": 0.9,
        "cast_to": np.float16,
    },
    {
        "clipnorm": 1.0,
        "loss_scale": 7.0,
        "nonfinite": "skip",
        "weight_decay": 0.3,
        "decoupled_weight_decay": True,
        "zero_grads": True,
        "ema": rising,
        "ema_bias_correction": True,
        "cast_to": bfloat16,
    },
    {"lookahead_steps": 2, "ema": 0.9, "cast_to": bfloat16, "zero_grads": True},
    {
        "global_clipnorm": 2.0,
        "loss_scale": 7.0,
        "weight_decay": 0.3,
        "decoupled_weight_decay": True,
        "zero_grads": True,
        "stats": True,
        "swa_start": 0,
        "swa_every": 2,
        "lookahead_steps": 2,
        "lookahead_alpha": 0.3,
        "cast_to": np.float16,
    },
]


def label(options: Options) -> str:
    return "-".join(options) or "nothing"


def keep(grads: Gradients) -> Gradients:
    return {k: None if g is None else g.copy() for k, g in grads.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("options", [*ALONE, *TOGETHER], ids=label)
def test_equals_the_transcription(options: Options, dtype: Any, backend: str) -> None:
    p = model(dtype)
    by_hand = ByHand(p, **options)
    given = dict(options)
    copies = None
    if "cast_to" in options:
        given["cast_to"] = copies = copies_for(p, options["cast_to"])
        assert given["cast_to"]["w"][0, 0] == 7
    opt = fastopt.SGD(p, lr=LR, momentum=MOMENTUM, backend=backend, **given)
    if copies is not None:
        assert_same(copies, by_hand.copies, "the copy at construction")
    for step in range(3):
        grads = gradients(dtype, 10 * step)
        if step == 1:
            grads["f"] = None
        before = keep(grads)
        by_hand.step(before)
        assert opt.step(grads)
        assert_same(p, by_hand.p, "the parameter")
        assert_same({k: s["b"] for k, s in opt.state.items()}, by_hand.b, "the buffer")
        if "ema" in options:
            assert_same(opt.ema_state, by_hand.e, "the average")
        if "swa_start" in options:
            assert_same(opt.swa_state, by_hand.e, "the average")
        if "lookahead_steps" in options:
            assert_same(opt.slow_state, by_hand.slow, "the slow weights")
        if copies is not None:
            assert_same(copies, by_hand.copies, "the copy")
        if opt.grad_norm is not None:
            assert opt.grad_norm == by_hand.grad_norm
        if opt.stats:  # squares, not roots, are added up
            assert opt.report()[0].update_norm == pytest.approx(by_hand.update_norm, rel=1e-15)
        for name, g in grads.items():
            if g is not None and "zero_grads" in options:
                assert g.tobytes() == bytes(g.nbytes), "zeros, none of them negative"
            elif g is not None:
                np.testing.assert_array_equal(g, before[name])
    assert opt.step_count == 3
    asked = {"global_clipnorm", "clipnorm", "stats", "nonfinite"} & set(options)
    assert (opt.grad_norm is not None) == bool(asked)


def test_norms_come_before_values_and_both_before_weight_decay(backend: str) -> None:
    p = np.array([100.0, 0.0])
    opt = fastopt.SGD(p, lr=1.0, global_clipnorm=5.0, clipvalue=3.5, weight_decay=0.5, backend=backend)
    opt.step(np.array([60.0, 80.0]))  # norm 100: becomes 3, 4; then 3, 3.5; then + 0.5 * p
    assert p.tolist() == [100.0 - (60.0 * (5.0 / 100.0) + 50.0), -3.5]
    assert opt.grad_norm == 100.0


def test_a_limit_that_is_met_exactly_scales_nothing(backend: str) -> None:
    p = np.zeros(2)
    fastopt.SGD(p, lr=1.0, global_clipnorm=5.0, backend=backend).step(np.array([3.0, 4.0]))
    assert p.tolist() == [-3.0, -4.0]


def test_the_global_norm_is_over_all_groups(backend: str) -> None:
    a, b = np.zeros(1), np.zeros(1, np.float32)
    groups = [{"params": [a]}, {"params": [b], "lr": 2.0}]
    opt = fastopt.SGD(groups, lr=1.0, global_clipnorm=1.0, backend=backend)
    opt.step([[np.array([3.0])], [np.array([4.0], np.float32)]])
    assert opt.grad_norm == 5.0
    assert (a[0], b[0]) == (-0.2 * 3.0, np.float32(-2) * (np.float32(0.2) * np.float32(4)))


def test_zero_gradients_are_not_divided_by_their_norm(backend: str) -> None:
    p = np.ones(3)
    opt = fastopt.SGD(p, global_clipnorm=1.0, backend=backend)
    opt.step(np.zeros(3))
    assert (opt.grad_norm, p.tolist()) == (0.0, [1.0] * 3)


def test_no_gradient_at_all(backend: str) -> None:
    p = [np.ones(3), np.ones(2)]
    opt = fastopt.SGD(p, global_clipnorm=1.0, ema=0.5, zero_grads=True, stats=True, backend=backend)
    assert opt.step([None, None])
    assert opt.grad_norm == 0.0
    assert [x.tolist() for x in p] == [[1.0] * 3, [1.0] * 2]
    assert opt.step_count == 1
