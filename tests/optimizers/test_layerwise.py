"""Algorithms whose steps depend on norms of each array: which norms, and what each carries on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.steps import take_step
from support.variants import BY_NORM

import fastopt

EPS = float(np.finfo(np.float64).eps)


def norm(x: Any) -> float:
    return float(np.sqrt((np.asarray(x) ** 2).sum()))


# The first step of LAMB with betas of 0: its direction is the sign of the gradient.
SHARES: list[tuple[dict[str, Any], float]] = [
    ({}, 1.0),
    ({"decoupled_weight_decay": True}, 1.0 - 0.25 * 0.5),
    ({"decoupled_weight_decay": True, "maximize": True}, 1.0 - 0.25 * 0.5),
    ({"decoupled_weight_decay": True, "l1": 1e-9}, 1.0 - 0.25 * 0.5),
]


@pytest.mark.parametrize(("options", "kept"), SHARES, ids=str)
def test_the_norm_is_that_of_what_the_rule_is_given(
    options: dict[str, Any], kept: float, backend: str
) -> None:
    p, g = np.array([3.0, -4.0, 12.0]), np.array([1.0, 2.0, -0.5])
    decay = 0.5 if options else 0.0
    given: Any = {
        "lr": 0.25,
        "betas": (0.0, 0.0),
        "eps": 0.0,
        "weight_decay": decay,
    }
    before = p.copy()
    fastopt.LAMB([p], backend=backend, **given, **options).step([g])
    u = np.sign(-g if "maximize" in options else g)
    wanted = kept * before - 0.25 * (norm(kept * before) / norm(u)) * u
    np.testing.assert_allclose(p, wanted, rtol=0, atol=64 * EPS * 13)  # l1 moves by less


def test_cautious_decay_comes_after_the_step(backend: str) -> None:
    """So the norm is that of the whole parameter."""
    p, g = np.array([3.0, -4.0]), np.array([-1.0, -2.0])  # away from 0, and towards it
    options: Any = {"decoupled_weight_decay": True, "cautious_weight_decay": True}
    fastopt.Fromage([p], lr=0.5, min_norm=0.0, weight_decay=0.5, backend=backend, **options).step([g])
    plain = (np.array([3.0, -4.0]) - 0.5 * (5.0 / norm(g)) * g) / np.sqrt(1.25)
    lost = np.where(np.abs(plain) > [3.0, 4.0], 0.0, 0.25 * np.array([3.0, -4.0]))
    np.testing.assert_allclose(p, plain - lost, rtol=0, atol=64 * EPS)


def made(backend: str, scale: float = 1.0) -> tuple[dict[str, Any], Any]:
    rng = np.random.default_rng(0)
    params = {"a": rng.standard_normal((3, 2)), "b": scale * rng.standard_normal(4), "e": np.ones(0)}
    return params, fastopt.NovoGrad(params, lr=0.1, backend=backend)


def gradients(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"a": rng.standard_normal((3, 2)), "b": 10.0 * rng.standard_normal(4), "e": np.ones(0)}


def carried(opt: Any) -> dict[str, float]:
    return {name: each["carried"]["v"] for name, each in opt.state_dict()["parameters"].items()}


def test_each_parameter_carries_its_own(backend: str) -> None:
    """Also after one has sat out, was taken out, came back, was reset, and through a state."""
    params, opt = made(backend)
    wanted = {"a": 0.0, "b": 0.0, "e": 0.0}

    def step(seed: int, *absent: str) -> None:
        g: Any = gradients(seed)
        for name in absent:
            g[name] = None
        opt.step({name: g[name] for name in opt.params})
        for name in set(opt.params) - set(absent):
            square = norm(g[name]) ** 2
            wanted[name] = 0.98 * wanted[name] + 0.02 * square if wanted[name] else square
        found = carried(opt)
        assert found == pytest.approx({name: wanted[name] for name in opt.params}, rel=64 * EPS)

    step(1)
    step(2, "a")
    step(3)
    a = opt.params["a"]
    opt.remove_params(["a"])
    step(4)
    opt.add_params({"a": a})
    wanted["a"] = 0.0
    step(5)
    opt.reset("b")
    wanted["b"] = 0.0
    step(6)
    saved = opt.state_dict()
    others, twin = made(backend)
    twin.load_state_dict({**saved, "parameters": {k: saved["parameters"][k] for k in others}})
    assert carried(twin) == {name: carried(opt)[name] for name in others}
    for name, p in others.items():
        p[...] = params[name]
    opt.step({name: gradients(7)[name] for name in opt.params})
    twin.step(gradients(7))
    for name, p in others.items():
        assert p.tobytes() == params[name].tobytes()


def test_equal_scalars_in_a_state_are_each_its_own(backend: str) -> None:
    opt = made(backend)[1]
    opt.step(gradients(1))
    saved = opt.state_dict()
    for each in saved["parameters"].values():
        each["carried"] = {"v": 2.0, "v_max": 2.0}
    opt.load_state_dict(saved)
    opt.step(gradients(2))
    a, b = (0.98 * 2.0 + 0.02 * norm(gradients(2)[name]) ** 2 for name in "ab")
    assert carried(opt) == pytest.approx({"a": a, "b": b, "e": 1.96}, rel=64 * EPS)


def test_the_excess_is_a_mean_over_the_elements(backend: str) -> None:
    """StableAdamW's second step, with betas that leave nothing of the first."""
    p, eps = np.array([1.0, 2.0, 3.0, 4.0]), 0.5
    opt = fastopt.StableAdamW([p], lr=0.1, betas=(0.0, 0.0), eps=eps, weight_decay=0.0, backend=backend)
    g = np.array([2.0, 0.25, -1.0, 0.0])
    opt.step([g])
    excess = np.sqrt(np.mean(g**2 / np.maximum(g**2, eps**2)))
    wanted = np.array([1.0, 2.0, 3.0, 4.0]) - 0.1 / max(1.0, excess) * g / (np.abs(g) + eps)
    np.testing.assert_allclose(p, wanted, rtol=0, atol=16 * EPS)


@pytest.mark.parametrize("name", sorted(BY_NORM))
def test_zeros_and_empty_arrays(name: str, backend: str) -> None:
    """No norm divides by 0: of a parameter, of a gradient, of both, of nothing."""
    params = [np.zeros(3), np.ones(3), np.zeros(3), np.ones((0, 2)), np.zeros(())]
    grads = [np.ones(3), np.zeros(3), np.zeros(3), np.ones((0, 2)), np.zeros(())]
    opt = fastopt.get(name, params, backend=backend)
    for _ in range(3):
        take_step(opt, grads)
    assert all(np.isfinite(p).all() for p in params)
    assert np.ptp(params[1]) == 0.0
    assert not params[2].any()


@pytest.mark.filterwarnings("ignore:the state has entries that are not finite")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_is_carried_on(value: float, backend: str, tmp_path: Path) -> None:
    """Through steps, states and files, as what is not finite is in arrays."""
    found = []
    for ways in range(3):
        params, opt = made(backend)
        for seed in range(1, 6):
            g = gradients(seed)
            if seed == 2:
                g["a"][0, 0] = value
            opt.step(g)
            if ways == 1:
                opt.load_state_dict(opt.state_dict())
            elif ways == 2:
                opt.save(tmp_path / "o.npz")
                opt.load(tmp_path / "o.npz", progress=False)
        found.append([p.tobytes() for p in params.values()])
        assert not np.isfinite(carried(opt)["a"])
    assert found[0] == found[1] == found[2]
