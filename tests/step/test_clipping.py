"""Clipping each gradient by its norm: against NumPy, and with the same bits from every backend."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.by_hand import in_order_of

import fastopt
from fastopt import backends
from fastopt.algorithm.rule import rule_of
from fastopt.numerics.sums import BLOCK, LANES, block_sums, total
from fastopt.optimizers.sgd import sgd
from fastopt.step.norms import Norms

SIZES = [*range(70), 257, BLOCK - 1, BLOCK, BLOCK + 1, 32 * BLOCK + 5, 100_003]


def values(size: Any, dtype: Any, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    found: NDArray[Any] = rng.standard_normal(size) * 10.0 ** rng.integers(-3, 3, size)
    return found.astype(dtype)


def norms(gradients: list[NDArray[Any]], backend: str, threads: int = 1) -> list[float]:
    params = [np.zeros_like(g, order="C") for g in gradients]
    rules = [rule_of(sgd)] * len(params)
    plan = backends.backend(backend).make_plan([(p,) for p in params], rules, [0] * len(params))
    plan.bind(gradients, None, True)
    return list([math.sqrt(x) for x in plan.sums_of_squares(threads)])


def by_hand(x: NDArray[Any]) -> float:
    """The definition, one element after the other."""
    total = 0.0
    for begin in range(0, x.size, BLOCK):
        lanes = [0.0] * LANES
        for i, value in enumerate(x[begin : begin + BLOCK].tolist()):
            lanes[i % LANES] += value * value
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [a + b for a, b in zip(lanes[:half], lanes[half:], strict=True)]
        total += lanes[0]
    return math.sqrt(total)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_have_the_same_bits_everywhere(dtype: Any, backend: str) -> None:
    gradients = [values(size, dtype, size) for size in SIZES]
    expected = [by_hand(g) for g in gradients]
    for threads in (1, 2, 7):
        assert norms(gradients, backend, threads) == expected
    exact = [math.sqrt(math.fsum((g.astype(float) ** 2).tolist())) for g in gradients]
    assert expected == pytest.approx(exact, rel=1e-13)  # rounding of up to 1e5 additions


def test_layout_does_not_matter(backend: str) -> None:
    g = values((70, 3, 90), np.float32)
    views = [g, np.asfortranarray(g), g.transpose(2, 1, 0).copy().transpose(2, 1, 0)]
    reversed_ = np.ascontiguousarray(g[::-1, :, ::-1])[::-1, :, ::-1]
    found = norms([*views, reversed_], backend)
    assert found == [by_hand(g.reshape(-1))] * 4


def test_special_values(backend: str) -> None:
    inf, nan = np.array([1.0, np.inf]), np.array([np.nan, 1.0])
    huge = np.full(3, 1e200)
    found = norms([inf, nan, huge, np.zeros(4), np.zeros(0)], backend)
    assert found[0] == np.inf
    assert math.isnan(found[1])
    assert found[2] == np.inf
    assert found[3:] == [0.0, 0.0]


def test_norms_of_many_are_added_from_the_left() -> None:
    """What a sum that carries its errors along, as Python's own since 3.12, does not find."""
    assert Norms([1e8, *[1.0] * 10], [0] * 11).of(range(11)) == 1e8
    assert Norms([1e158, *[1e150] * 10], [0] * 11).of(range(11)) == 1e158


@pytest.mark.parametrize("shape", [(70, 90), (1, 5003)])
def test_a_huge_norm_is_that_of_the_scaled_values_in_any_layout(shape: Any, backend: str) -> None:
    g = values(shape, np.float64) * 1e200
    largest = float(np.max(np.abs(g)))
    for p in (np.zeros(shape), np.zeros(shape, order="F")):
        opt = fastopt.SGD(p, global_clipnorm=1.0, backend=backend)
        for given in (g, np.asfortranarray(g), np.repeat(g, 2, 1)[:, ::2]):
            opt.step(given)
            assert opt.grad_norm == largest * by_hand(in_order_of(p, g) / largest)


def test_reference_of_blocks() -> None:
    x = values(3 * BLOCK + 7, np.float32)
    assert math.sqrt(total(block_sums(x).tolist())) == by_hand(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_array_is_clipped_by_its_own_norm(dtype: Any, backend: str) -> None:
    p = [np.zeros(4, dtype), np.zeros((2, 3), dtype), np.zeros(5, dtype)]
    opt = fastopt.SGD(p, lr=1.0, clipnorm=2.0, backend=backend)
    g = [np.full(4, 3.0, dtype), np.full((2, 3), 0.1, dtype), np.zeros(5, dtype)]
    opt.step(g)
    assert np.linalg.norm(p[0]) == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_array_equal(p[1], -g[1])  # shorter: not a bit of it
    np.testing.assert_array_equal(p[2], 0)
    assert g[0].tolist() == [3.0] * 4


def test_switched_on_and_off_and_in_one_group(backend: str) -> None:
    a, b = np.zeros(4), np.zeros(4)
    opt = fastopt.SGD([{"params": a, "clipnorm": 1.0}, {"params": b}], lr=1.0, backend=backend)
    g = np.full(4, 1.0)
    opt.step([g, g])
    assert (a[0], b[0]) == (-0.5, -1.0)
    opt.clipnorm = None
    opt.step([g, None])
    opt.step([g, g])
    assert (a[0], b[0]) == (-2.5, -2.0)
    opt.groups[1]["clipnorm"] = 1.0
    opt.step([None, g])
    opt.step([g, g])
    assert (a[0], b[0]) == (-3.5, -3.0)


def test_nan_stays_visible(backend: str) -> None:
    p = np.zeros(2)
    opt = fastopt.SGD(p, lr=1.0, clipnorm=1.0, backend=backend)
    opt.step(np.array([np.nan, 5.0]))
    assert np.isnan(p[0])


Gradients = list[list[float]]
BIG: dict[str, Gradients] = {  # what makes a norm infinite or NaN, beside a gradient of 1e6
    "NaN": [[np.nan, 0.0], [1e6, 1e6]],
    "infinite": [[0.0, -np.inf], [1e6, 1e6]],
    "both": [[np.inf, np.nan], [1e6, 1e6]],
    "beyond the range": [[1.7e308, 1.7e308], [1e6, 1e6]],  # the norm is 2.4e308
}


@pytest.mark.parametrize("kind", BIG)
@pytest.mark.parametrize("loss_scale", [1.0, 1024.0])
def test_no_step_is_larger_than_the_common_limit_allows(
    kind: str, loss_scale: float, backend: str
) -> None:
    p = [np.zeros(2), np.zeros(2)]
    options: dict[str, Any] = {"global_clipnorm": 1.0, "loss_scale": loss_scale}
    opt = fastopt.SGD(p, lr=1.0, stats=True, backend=backend, **options)
    assert opt.step([np.array(g) for g in BIG[kind]])
    assert p[1].tolist() == [0.0, 0.0]
    finite = np.isfinite(BIG[kind][0])
    assert np.isnan(p[0][~finite]).all()
    assert not p[0][finite].any()
    assert opt.report()[0].clip_factor == 0.0


def test_it_comes_before_weight_decay() -> None:
    p = np.full(4, 100.0)
    fastopt.SGD(p, lr=1.0, clipnorm=1.0, weight_decay=0.5, maximize=True).step(np.full(4, 1.0))
    np.testing.assert_array_equal(p, 100.0 + 0.5 - 50.0)


def test_a_limit_that_comes_later(backend: str) -> None:
    p = np.zeros(1)
    opt = fastopt.SGD([p], lr=1.0, clipnorm=lambda step: 0.5 if step else None, backend=backend)
    found = []
    for _ in range(3):
        opt.step([np.ones(1)])
        found.append(float(p[0]))
    assert found == [-1.0, -1.5, -2.0]
