"""Kron: when its matrices follow, what they are made of, and what is drawn."""

from typing import Any

import numpy as np
import pytest
from support.hashing import digest

import fastopt

SHAPES = {"square": (4, 4), "wide": (2, 6), "kernel": (2, 1, 3), "vector": (5,), "none": ()}


def drawn(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: np.array(rng.standard_normal(shape)) for name, shape in SHAPES.items()}


def trained(steps: int = 4, **options: Any) -> fastopt.Kron:
    opt = fastopt.Kron(drawn(0), **options)
    for k in range(1, steps + 1):
        opt.step(drawn(k))
    return opt


@pytest.mark.parametrize(
    ("options", "diagonals"),
    [
        ({}, {"kernel": [1], "vector": [0], "none": [0]}),
        ({"max_size_triangular": 4}, {"wide": [1], "kernel": [1], "vector": [0], "none": [0]}),
        (
            {"memory_save_mode": "one_diag"},
            {"square": [1], "wide": [1], "kernel": [1, 2], "vector": [0], "none": [0]},
        ),
        (
            {"memory_save_mode": "smart_one_diag"},
            {"wide": [1], "kernel": [1, 2], "vector": [0], "none": [0]},
        ),
        (
            {"memory_save_mode": "all_diag"},
            {"square": [0, 1], "wide": [0, 1], "kernel": [0, 1, 2], "vector": [0], "none": [0]},
        ),
    ],
)
def test_which_axes_have_a_diagonal(options: Any, diagonals: dict[str, list[int]]) -> None:
    for name, states in trained(1, **options).state.items():
        found = {key: q.ndim for key, q in states.items() if key.startswith("Q")}
        assert [int(key[1:]) for key, ndim in found.items() if ndim == 1] == diagonals.get(name, [])
        for key, q in states.items():
            if found.get(key) == 2:
                assert not np.tril(q, -1).any()
                assert np.triu(q, 1).any()


def test_matrices_follow_at_each_step_and_later_less_often() -> None:
    """The times are those of timm's loop, whose probabilities are in float32."""
    w, times, passed = np.zeros(2), [], 0
    opt = fastopt.Kron([w])
    for t in range(1, 6001):
        before = opt.state["0"]["Q0"].copy() if t > 1 else None
        opt.step([np.array([1.0, (-1.0) ** t])])
        if before is None or (opt.state["0"]["Q0"] != before).any():
            times.append(t)
        passed += 1
        share = np.float32(np.exp(np.float32(-0.001) * np.float32(t - 1 - 500)))
        share = np.clip(share, np.float32(0.03), np.float32(1.0))
        if passed >= 1 / share:
            passed = 0
        assert opt.state["0"]["n"] == passed
        assert (times[-1] == t) == (passed == 0)
    assert times[:500] == [*range(1, 501)]
    assert times[-1] - times[-2] == 34


def test_matrices_stay_where_all_is_zero() -> None:
    """They would grow without an end, as there is nothing by which to measure them."""
    opt = fastopt.Kron({"w": np.ones((2, 3))}, momentum=0.0)
    opt.step({"w": np.full((2, 3), 0.5)})
    before = {key: q.copy() for key, q in opt.state["w"].items() if key.startswith("Q")}
    for _ in range(3):
        opt.step({"w": np.zeros((2, 3))})
    assert digest({key: opt.state["w"][key] for key in before}) == digest(before)


def test_one_in_a_hundred_times_all_get_the_same_largest_element() -> None:
    """What they make of an array together is what it was, so that no step shows it."""
    g, seen = np.cos(np.arange(6.0)).reshape(2, 3), 0
    for seed in range(300, 500):
        opt = fastopt.Kron({"w": np.zeros((2, 3))}, precond_lr=0.0, seed=seed)
        opt.step({"w": g})
        before = opt.params["w"].copy()
        opt.state["w"]["Q0"][...] *= 8.0
        opt.state["w"]["Q1"][...] /= 8.0
        opt.step({"w": g})
        largest = [np.abs(opt.state["w"][f"Q{axis}"]).max() for axis in (0, 1)]
        # a logarithm and an exponential, and some roundings
        np.testing.assert_allclose(opt.params["w"], 2.0 * before, rtol=1e-13)
        assert np.allclose(largest, [8.0, 0.125]) or np.allclose(largest, [1.0, 1.0], rtol=1e-13)
        seen += largest[0] < 2.0
    assert 1 <= seen <= 9


def test_a_seed_and_a_name_draw_other_numbers() -> None:
    assert digest(trained().params) == digest(trained().params)
    assert digest(trained().params) != digest(trained(seed=1).params)
    both = {"a": np.ones((3, 4)), "b": np.ones((3, 4))}
    fastopt.Kron(both).step({name: np.cos(np.arange(12.0)).reshape(3, 4) for name in both})
    assert (both["a"] != both["b"]).any()


def test_a_resumed_run_draws_the_same() -> None:
    straight, resumed = trained(6), trained(3)
    saved = resumed.state_dict()
    other = fastopt.Kron({name: p.copy() for name, p in resumed.params.items()})
    other.load_state_dict(saved)
    for k in (4, 5, 6):
        other.step(drawn(k))
    assert digest(other.params, other.state) == digest(straight.params, straight.state)


def test_no_element_moves_further_than_the_limit(backend: str) -> None:
    """The root of the mean of squares of an update is 1.1 at most, however large gradients are."""
    for size in (1e-6, 1.0, 1e6):
        w = np.zeros((4, 6))
        opt = fastopt.Kron([w], lr=1.0, backend=backend)
        for k in range(5):
            before = w.copy()
            opt.step([size * np.random.default_rng(k).standard_normal((4, 6))])
            # 1e-8 is added to what is divided by, and some roundings
            assert np.sqrt(np.mean((w - before) ** 2)) <= 1.1 + 1e-12
