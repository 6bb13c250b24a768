"""Algorithms that look at the number of the step, or at the learning rates before it."""

from typing import Any

import numpy as np
import pytest

import fastopt

RATES = [0.0, 0.0, 0.1, 0.02, 0.3]


def gradients(seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(50)


def test_laprop_divides_by_the_mean_of_its_learning_rates(backend: str) -> None:
    p, m, v, mean = np.zeros(50), 0.0, 0.0, 0.0
    wanted = p.copy()
    opt = fastopt.LaProp(p, lr=0.0, betas=(0.8, 0.95), eps=1e-3, backend=backend)
    for t, lr in enumerate(RATES, 1):
        g = gradients(t)
        opt.lr = lr
        opt.step(g)
        v = 0.95 * v + 0.05 * g * g
        m = 0.8 * m + 0.2 * lr * g / (np.sqrt(v / (1.0 - 0.95**t)) + 1e-3)
        mean = 0.8 * mean + 0.2 * lr
        wanted -= m * (lr / mean if mean else 0.0)
        np.testing.assert_allclose(p, wanted, rtol=1e-13, atol=0)  # roundings in another order


@pytest.mark.parametrize("amsbound", [False, True])
def test_the_bounds_of_adabound_follow_the_learning_rate_if_they_shall(
    amsbound: bool, backend: str
) -> None:
    given: dict[str, Any] = {"gamma": 0.1, "amsbound": amsbound, "backend": backend}
    p, q = np.zeros(50), np.zeros(50)
    opt, other = fastopt.AdaBound(p, base_lr=0.1, **given), fastopt.AdaBound(q, **given)
    for t, lr in enumerate(RATES):
        opt.lr = other.lr = lr
        other.final_lr = 0.1 * lr / 0.1
        opt.step(gradients(t))
        other.step(gradients(t))
        assert p.tobytes() == q.tobytes()
    other.final_lr = 0.1
    opt.step(gradients(9))
    other.step(gradients(9))
    assert (p != q).any()


def test_the_first_step_of_adopt_moves_nothing(backend: str) -> None:
    g = np.array([3.0, 0.0, -np.finfo(float).tiny, 1e100])
    p = np.array([1.0, -0.5, 2.0, 0.25])
    opt = fastopt.ADOPT(p, lr=0.5, nesterov=True, backend=backend)
    opt.step(g)
    assert p.tolist() == [1.0, -0.5, 2.0, 0.25]
    assert opt.state["params"]["m"].tolist() == [0.0] * 4
    assert opt.state["params"]["v"].tolist() == (g * g).tolist()


def test_the_first_step_of_adan_has_no_gradient_before_it(backend: str) -> None:
    p, g = np.ones(50), gradients(0)
    opt = fastopt.Adan(p, backend=backend)
    opt.step(g)
    state = opt.state["params"]
    assert not state["v"].any()
    assert state["g_prev"].tobytes() == g.tobytes()
    opt.step(g)
    assert not state["v"].any()
    opt.step(2.0 * g)
    assert state["v"].tobytes() == ((1.0 - 0.92) * g).tobytes()


def test_amsgrad_and_rectification_of_adabelief_are_refused_together() -> None:
    p = np.ones(3)
    with pytest.raises(ValueError, match=r"rectify=True .* set amsgrad=False"):
        fastopt.AdaBelief(p, amsgrad=True, rectify=True)
    opt = fastopt.AdaBelief(p, rectify=True)
    with pytest.raises(ValueError, match="set amsgrad=False"):
        opt.amsgrad = True
    opt.step(np.ones(3))
    assert opt.amsgrad is False
