"""Noisy SGD: the noise has the variance of the paper, and follows from seed, step, name and place."""

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastopt
from fastopt.optimizers.noisy_sgd import PIECE

Array = NDArray[Any]
SIZE = PIECE + 4321  # which is drawn in two pieces
SHAPES = {"w": (30, 7), "b": (7,), "s": (), "empty": (0, 3), "long": (SIZE,)}


def arrays(seed: int, dtype: Any = np.float64) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


def trained(steps: int, dtype: Any = np.float64, **options: Any) -> dict[str, Array]:
    params = arrays(0, dtype)
    opt = fastopt.NoisySGD(params, **{"lr": 0.1, **options})
    for step in range(1, steps + 1):
        opt.step(arrays(step, dtype))
    return params


def noise(steps: int, names: str = "w", **options: Any) -> list[dict[str, Array]]:
    """Take steps along no gradients, and give the noise of each."""
    found = []
    params = {name: np.zeros(SIZE) for name in names}
    opt = fastopt.NoisySGD(params, lr=1.0, **options)
    for _ in range(steps):
        for p in params.values():
            p[...] = 0.0
        opt.step({name: np.zeros(SIZE) for name in names})
        found.append({name: -p for name, p in params.items()})
    return found


def bits(params: dict[str, Array]) -> list[bytes]:
    return [p.tobytes() for p in params.values()]


@pytest.mark.parametrize("options", [{}, {"eta": 0.3, "gamma": 1.2}], ids=str)
def test_mean_and_variance(options: dict[str, Any]) -> None:
    """Within five standard deviations of what so many numbers have."""
    eta, gamma = options.get("eta", 0.01), options.get("gamma", 0.55)
    for t, each in enumerate(noise(20, **options), start=1):
        if t in (1, 2, 5, 20):
            variance = eta / t**gamma
            x = each["w"] / sqrt(variance)
            assert abs(x.mean()) < 5 / sqrt(SIZE)
            assert abs(x.var() - 1) < 5 * sqrt(2 / SIZE)
            beyond = 0.0455  # of a normal distribution, two standard deviations from the mean
            assert abs((np.abs(x) > 2).mean() - beyond) < 5 * sqrt(beyond / SIZE)


def test_no_number_is_drawn_twice() -> None:
    """In two arrays, steps, pieces or seeds."""
    drawn = [*noise(3, "ab"), *noise(3, "ab", seed=1), *noise(1, "c", seed=11)]
    every = np.concatenate([x / x.std() for each in drawn for x in each.values()])
    raw = np.concatenate([x for each in drawn for x in each.values()])
    assert len(np.unique(raw)) == raw.size == 13 * SIZE
    rows = every.reshape(13, SIZE)
    apart = np.abs(rows @ rows.T / SIZE - np.eye(13)).max()
    assert apart < 6 / sqrt(SIZE)  # of 78 pairs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits(dtype: Any) -> None:
    before, found = fastopt.get_num_threads(), []
    options = {"weight_decay": 0.1, "clipnorm": 2.0, "maximize": True}
    try:
        for backend, threads in (("numpy", 1), ("numba", 1), ("native", 1), ("native", 2)):
            fastopt.set_num_threads(threads)
            found.append(bits(trained(3, dtype, backend=backend, **options)))
    finally:
        fastopt.set_num_threads(before)
    assert found[1:] == found[:1] * 3


def test_any_layout() -> None:
    p = np.zeros((30, 7), order="F")
    fastopt.NoisySGD({"w": p}, lr=1.0).step({"w": np.zeros((60, 7))[::2]})
    straight = np.zeros((30, 7))
    fastopt.NoisySGD({"w": straight}, lr=1.0).step({"w": np.zeros((30, 7))})
    assert (p == straight).all()
    assert p.any()


def test_without_noise_it_is_sgd(backend: str) -> None:
    wanted = arrays(0)
    opt = fastopt.SGD(wanted, lr=0.1, backend=backend)
    for step in range(1, 4):
        opt.step(arrays(step))
    assert bits(trained(3, eta=0.0, backend=backend)) == bits(wanted)


def test_a_step_is_the_gradient_and_noise() -> None:
    with_noise, without = trained(1, seed=3), trained(1, eta=0.0)
    for name, p in with_noise.items():
        alone = {name: np.zeros_like(p)}
        fastopt.NoisySGD(alone, lr=0.1, seed=3).step({name: np.zeros_like(p)})
        np.testing.assert_allclose(p, without[name] + alone[name], rtol=0, atol=1e-15)


@pytest.mark.parametrize("at", [1, 3])
def test_resumed(at: int, tmp_path: Path) -> None:
    params = trained(at)
    opt = fastopt.NoisySGD(params, lr=0.1)
    first = arrays(0)
    begun = fastopt.NoisySGD(first, lr=0.1)
    for step in range(1, at + 1):
        begun.step(arrays(step))
    begun.save(tmp_path / "s.npz")
    opt.load(tmp_path / "s.npz")
    for step in range(at + 1, 6):
        opt.step(arrays(step))
    assert bits(params) == bits(trained(5))


def test_others_change_nothing() -> None:
    """Parameters that come, and steps that others sit out."""
    alone = {"w": np.zeros(5)}
    both = {"v": np.zeros(5), "w": np.zeros(5)}
    opt, other = fastopt.NoisySGD(alone), fastopt.NoisySGD(both)
    for step in range(4):
        opt.step({"w": np.ones(5)})
        other.step({"v": None if step == 1 else np.ones(5), "w": np.ones(5)})
    assert alone["w"].tobytes() == both["w"].tobytes() != both["v"].tobytes()


def test_a_seed_of_its_own() -> None:
    params = {"v": np.zeros(5), "w": np.zeros(5)}
    opt = fastopt.NoisySGD(params, groups={"v": {"seed": 7}})
    alone = {"v": np.zeros(5)}
    opt.step({"v": np.ones(5), "w": np.ones(5)})
    fastopt.NoisySGD(alone, seed=7).step({"v": np.ones(5)})
    assert params["v"].tobytes() == alone["v"].tobytes()
    wrong: Any
    for wrong in (1.5, -1):
        with pytest.raises(ValueError, match=r"seed is .*; it must be a whole number >= 0"):
            opt.seed = wrong
