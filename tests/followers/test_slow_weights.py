"""lookahead_steps: slow weights, to which the parameters are pulled."""

import math
from typing import Any

import numpy as np
import pytest
from support.by_hand import assert_same, bfloat16, gradients, model, norm, same, values

import fastopt

LOOKAHEAD: dict[str, Any] = {"lookahead_steps": 2, "lookahead_alpha": 0.25}


def bits(p: Any) -> list[bytes]:
    return [v.tobytes("A") for v in (p if isinstance(p, list) else p.values())]


@pytest.mark.parametrize(("k", "alpha"), [(1, 0.5), (5, 0.5), (6, 0.8), (4, 1.0)])
def test_the_paper_s_algorithm(k: int, alpha: float, backend: str) -> None:
    """Algorithm 1: an outer loop for the slow weights phi, an inner one of k steps for theta."""
    rng = np.random.default_rng(0)
    a, outer = rng.standard_normal((50, 50)), 7
    p = np.linspace(-1.0, 1.0, 50)
    phi, b = p.copy(), np.zeros(50)
    opt = fastopt.SGD(
        p, lr=0.01, momentum=0.9, lookahead_steps=k, lookahead_alpha=alpha, backend=backend
    )
    for _ in range(outer):
        theta = phi.copy()
        for _ in range(k):
            opt.step(np.tanh(a @ p))
            b = 0.9 * b + np.tanh(a @ theta)
            theta = theta - 0.01 * b
        phi = phi + alpha * (theta - phi)
        np.testing.assert_allclose(p, phi, rtol=1e-12, atol=1e-13)  # order of operations
        assert same(p, opt.slow_state)


def test_they_begin_at_the_parameters(backend: str) -> None:
    p = model(np.float32)
    opt = fastopt.Adam(p, backend=backend, **LOOKAHEAD)
    assert_same(opt.slow_state, p, "the slow weights")
    assert not any(np.shares_memory(opt.slow_state[k], p[k]) for k in p)
    before = bits(opt.slow_state)
    opt.step(gradients(np.float32, 1))
    assert bits(opt.slow_state) == before
    assert bits(p) != before


def test_with_alpha_1_nothing_is_pulled(backend: str) -> None:
    p, q = model(np.float32), model(np.float32)
    opt = fastopt.Adam(p, lr=0.1, lookahead_steps=2, lookahead_alpha=1.0, backend=backend)
    twin = fastopt.Adam(q, lr=0.1, backend=backend)
    for seed in range(4):
        for x in (opt, twin):
            x.step(gradients(np.float32, seed))
    assert bits(p) == bits(q)


def test_what_sits_out_does_not_move(backend: str) -> None:
    """Not by an ulp, where 0.3 * x + 0.7 * x is not x; and it is pulled when it takes part again."""
    p = [values(5003, np.float32, 1), values(5003, np.float32, 2)]
    slow = [x.copy() for x in p]
    opt = fastopt.SGD(p, lr=0.5, backend=backend, lookahead_steps=2, lookahead_alpha=0.7)
    g = [values(5003, np.float32, 3), values(5003, np.float32, 4)]
    opt.step(g)
    before = p[1].copy()
    assert opt.step([g[0], None])
    assert same(p[1], before)
    assert same(opt.slow_state[1], slow[1])
    keep, take = np.float32(1.0 - 0.7), np.float32(0.7)
    opt.step(g)
    opt.step(g)
    fast = before - np.float32(0.5) * g[1] - np.float32(0.5) * g[1]
    assert same(p[1], keep * slow[1] + take * fast)
    frozen = np.ones(3)
    opt = fastopt.SGD([np.ones(3), frozen], lr=0.1, backend=backend, lookahead_steps=1)
    frozen += 1.0
    opt.step([np.ones(3), None])
    assert frozen.tolist() == [2.0] * 3


def test_average_and_copy_are_of_what_was_pulled(backend: str) -> None:
    for zero in (False, True):
        p, copy = values(5003, np.float32, 1), np.zeros(5003, bfloat16)
        options: dict[str, Any] = {"ema": 0.0, "zero_grads": zero, **LOOKAHEAD}
        opt = fastopt.SGD(p, lr=1.0, cast_to=copy, backend=backend, **options)
        for seed in range(4):
            opt.step(values(5003, np.float32, seed))
            assert same(opt.ema_state, p)
            assert same(copy, p.astype(bfloat16))
        assert same(opt.slow_state, p)


def test_a_report_has_the_whole_change(backend: str) -> None:
    p = values(9000, np.float32, 1)
    opt = fastopt.SGD(p, lr=0.5, stats=True, backend=backend, **LOOKAHEAD)
    for seed in (2, 3):
        before = p.astype(float)
        opt.step(values(9000, np.float32, seed))
        (found,) = opt.report()
        assert found.update_norm == norm(p.astype(float) - before)
        assert found.weight_norm == norm(p)
    assert math.isclose(found.update_ratio, found.update_norm / found.weight_norm)


def test_steps_are_counted_that_are_taken(backend: str) -> None:
    p = np.zeros(2)
    options: dict[str, Any] = {"nonfinite": "skip", "gradient_accumulation_steps": 2, **LOOKAHEAD}
    opt = fastopt.SGD(p, lr=1.0, backend=backend, **options)
    seen = []
    for g in (4.0, 4.0, np.nan, 1.0, 4.0, 4.0):
        opt.accumulate(np.full(2, g))
        seen.append(p[0])
    assert seen == [0.0, -4.0, -4.0, -4.0, -4.0, -2.0]
    assert opt.slow_state.tolist() == [-2.0, -2.0]


def test_nesterov_s_look_ahead_is_another(backend: str) -> None:
    finals = []
    for looks in (False, True):
        p = model(np.float32)
        opt = fastopt.SGD(p, lr=0.1, momentum=0.9, backend=backend, **LOOKAHEAD)
        for seed in range(5):
            slow = bits(opt.slow_state)
            if looks:
                with opt.at_nesterov_point():
                    assert bits(opt.slow_state) == slow
            opt.step(gradients(np.float32, seed))
        finals.append((bits(p), bits(opt.slow_state)))
    assert finals[0] == finals[1]


def test_groups_and_structure(backend: str) -> None:
    a, b = np.ones(2), np.asfortranarray(np.ones((2, 3), np.float32))
    opt = fastopt.SGD(
        [{"params": {"a": a}, "lr": 1.0}, {"params": (b,), "lr": 2.0}], backend=backend, **LOOKAHEAD
    )
    for _ in range(2):
        opt.step([{"a": np.ones(2)}, (np.ones((2, 3), np.float32),)])
    assert isinstance(opt.slow_state[0], dict)
    assert type(opt.slow_state[1]) is tuple
    assert opt.slow_state[1][0].strides == b.strides
    assert np.shares_memory(opt.slow_state[1][0], opt.slow_state[1][0])
    assert (a.tolist(), b[0, 0]) == ([0.5] * 2, 0.0)


def test_none_to_show() -> None:
    opt = fastopt.SGD(np.ones(2))
    with pytest.raises(ValueError, match="no slow weights: make the optimizer with lookahead_steps=5"):
        _ = opt.slow_state
