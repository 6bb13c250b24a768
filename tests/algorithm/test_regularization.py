"""Weight decay in all conventions, cautious weight decay and the L1 penalty, around every algorithm.

What they do to a step is done by hand to the parameters and gradients of a twin that has none of them:
the bits must be the same.
"""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.by_hand import Array, same
from support.steps import take_step
from support.variants import ANY_SHAPE, BY_NORM, OWN_DECAY, paired

import fastopt

ALGORITHMS = sorted(set(ANY_SHAPE) - OWN_DECAY - BY_NORM)
LR, MAX_LR, DECAY, L1 = 0.25, 0.75, 0.3, 0.0625
Options = dict[str, Any]
Number = type[np.floating[Any]]

SHARES = {  # of the parameter before the step
    True: LR * DECAY,
    "fixed": DECAY,
    "corrected": LR * (LR / MAX_LR) * DECAY,
}
KEPT = {"after": 1.0 - LR * DECAY, "proximal": 1.0 / (1.0 + LR * DECAY)}  # of the new one


def values(seed: int, dtype: Any) -> Array:
    """Of both signs, with zeros, and of sizes around the threshold."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal(60) * rng.choice([0.0, 0.01, 0.1, 1.0], 60)
    return np.asarray(found.astype(dtype))


def follow(
    algorithm: str,
    backend: str,
    options: Options,
    by_hand: Callable[[fastopt.Optimizer, Array, Array, Number], None],
) -> None:
    """Take steps with the options, and by hand with a twin; compare parameters and states."""
    for dtype in (np.float32, np.float64):
        a, b = values(0, dtype), values(0, dtype)
        alike = {"lr": LR, "backend": backend, "decoupled_weight_decay": True}
        opt = fastopt.get(algorithm, a, **{**alike, "weight_decay": DECAY, **options})
        twin = fastopt.get(algorithm, b, **{**alike, "weight_decay": 0.0})
        zeros = 0
        for seed in range(1, 9):
            take_step(opt, values(seed, dtype))
            by_hand(twin, b, values(seed, dtype), dtype)
            zeros += int(np.count_nonzero(b == 0))
            np.testing.assert_array_equal(a, b)  # the threshold by hand gives zeros of both signs
        for name, state in opt.state["params"].items():
            np.testing.assert_array_equal(state, twin.state["params"][name])
        if options.get("soft_threshold"):
            assert zeros


def thresholded(p: Array, by: Any) -> Array:
    """The proximal operator of by * |p|, as it is printed."""
    return np.asarray(np.sign(p) * np.maximum(np.abs(p) - by, 0))


@pytest.mark.parametrize(("algorithm", "convention"), paired(ALGORITHMS, [*SHARES]))
def test_decay_before_the_step(algorithm: str, convention: Any, backend: str) -> None:
    def by_hand(twin: fastopt.Optimizer, p: Array, g: Array, number: Number) -> None:
        p *= number(1.0 - SHARES[convention])
        take_step(twin, g)

    follow(algorithm, backend, {"decoupled_weight_decay": convention, "max_lr": MAX_LR}, by_hand)


@pytest.mark.parametrize(("algorithm", "convention"), paired(ALGORITHMS, [*KEPT]))
def test_decay_after_the_step(algorithm: str, convention: str, backend: str) -> None:
    def by_hand(twin: fastopt.Optimizer, p: Array, g: Array, number: Number) -> None:
        take_step(twin, g)
        p *= number(KEPT[convention])

    follow(algorithm, backend, {"decoupled_weight_decay": convention}, by_hand)


@pytest.mark.parametrize(
    ("algorithm", "around"), paired(ALGORITHMS, [*product([True, "proximal", False], [False, True])])
)
def test_l1(algorithm: str, around: tuple[Any, bool], backend: str) -> None:
    convention, soft = around

    def by_hand(twin: fastopt.Optimizer, p: Array, g: Array, number: Number) -> None:
        if convention is False:
            g = g + number(DECAY) * p
        if not soft:
            g = g + number(L1) * np.sign(p)
        if convention is True:
            p *= number(1.0 - LR * DECAY)
        take_step(twin, g)
        if soft:
            p[...] = thresholded(p, number(LR * L1))
        if convention == "proximal":
            p *= number(KEPT["proximal"])

    options = {"decoupled_weight_decay": convention, "l1": L1, "soft_threshold": soft}
    follow(algorithm, backend, options, by_hand)


PENALTIES: list[Options] = [{}, {"l1": L1}, {"l1": L1, "soft_threshold": True}]


@pytest.mark.parametrize(
    ("algorithm", "around"), paired(ALGORITHMS, [*product([*SHARES, *KEPT], PENALTIES)]), ids=str
)
def test_cautious(algorithm: str, around: tuple[Any, Options], backend: str) -> None:
    convention, l1 = around

    def by_hand(twin: fastopt.Optimizer, p: Array, g: Array, number: Number) -> None:
        before = p.copy()
        if l1 and "soft_threshold" not in l1:
            g = g + number(L1) * np.sign(p)
        take_step(twin, g)
        decays = np.sign(before - p) * np.sign(before) >= 0  # the update times the parameter
        assert decays.any()
        assert not decays.all() or (p == before).all()  # the first step of ADOPT moves nothing
        if convention in SHARES:
            p[decays] -= number(SHARES[convention]) * before[decays]
        if "soft_threshold" in l1:
            p[...] = thresholded(p, number(LR * L1))
        if convention in KEPT:
            p[decays] *= number(KEPT[convention])

    options = {"decoupled_weight_decay": convention, "max_lr": MAX_LR, "cautious_weight_decay": True}
    follow(algorithm, backend, {**options, **l1}, by_hand)


def test_corrected_at_the_largest_rate_is_decoupled(backend: str) -> None:
    a, b = values(0, np.float32), values(0, np.float32)
    rest: Options = {"weight_decay": 0.1, "backend": backend}
    opt = fastopt.AdamW(a, lr=3e-4, decoupled_weight_decay="corrected", max_lr=3e-4, **rest)
    twin = fastopt.AdamW(b, lr=3e-4, **rest)
    for seed in range(5):
        take_step(opt, values(seed, np.float32))
        take_step(twin, values(seed, np.float32))
    assert same(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values_of_the_threshold(dtype: Any, backend: str) -> None:
    """Zeros come out as 0, never as -0; below the threshold all is zero; infinity becomes NaN."""
    tiny = np.finfo(dtype).smallest_subnormal
    above = np.nextafter(dtype(0.5), dtype(1.0))
    p = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, 0.5, -0.5, above, -above, 2], dtype)
    wanted = [np.nan, np.nan, np.nan, 0, 0, 0, 0, 0, 0, above - dtype(0.5), dtype(0.5) - above, 1.5]
    opt = fastopt.SGD(p, lr=0.5, l1=1.0, soft_threshold=True, backend=backend)
    opt.step(np.zeros_like(p))
    assert same(p, np.array(wanted, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values_of_cautious_decay(dtype: Any, backend: str) -> None:
    """An update of 0 lets the parameter decay, however small both are; infinity becomes NaN."""
    tiny = np.finfo(dtype).tiny
    #      the update: zero   inwards away   NaN     at 0  small, away
    p = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -0.0, tiny, -tiny, np.inf, np.nan], dtype)
    g = np.array([0.0, -0.0, 0.5, 0.5, np.nan, 0.5, -tiny, tiny, 0.0, 0.0], dtype)
    wanted = [0.75, -0.75, 0.25, -1.5, np.nan, -0.5, 2 * tiny, -2 * tiny, np.nan, np.nan]
    options: Options = {"decoupled_weight_decay": True, "cautious_weight_decay": True}
    opt = fastopt.SGD(p, lr=1.0, weight_decay=0.25, backend=backend, **options)
    opt.step(g)
    assert same(p, np.array(wanted, dtype))


def test_ista_finds_the_solution_of_the_lasso(backend: str) -> None:
    """With an orthonormal design that is known: the least squares, moved towards zero by l1."""
    rng = np.random.default_rng(3)
    design = np.linalg.qr(rng.standard_normal((40, 12)))[0]
    target = rng.standard_normal(40)
    p = np.zeros(12)
    opt = fastopt.SGD(p, lr=0.5, l1=0.4, soft_threshold=True, backend=backend)
    for _ in range(80):
        opt.step(design.T @ (design @ p - target))
    wanted = thresholded(design.T @ target, 0.4)
    assert 0 < np.count_nonzero(wanted) < 12
    np.testing.assert_array_equal(p == 0.0, wanted == 0.0)
    # Each step halves the error: after 80 of them the roundings of the products are left.
    np.testing.assert_allclose(p, wanted, rtol=0, atol=1e-14)


def test_without_a_gradient_nothing_decays(backend: str) -> None:
    """A parameter that sits a step out is not updated in any way."""
    p = {"w": np.ones(3), "b": np.ones(3)}
    options: Options = {"decoupled_weight_decay": "proximal", "cautious_weight_decay": True}
    rest: Options = {"lr": 0.1, "l1": 0.1, "soft_threshold": True, "backend": backend}
    opt = fastopt.Adam(p, weight_decay=0.5, **rest, **options)
    opt.step({"w": np.ones(3), "b": None})
    assert (p["b"] == 1.0).all()
    assert (p["w"] < 0.9).all()


class Scalars(NamedTuple):
    lr: float


class Own(fastopt.Optimizer):
    """A user's rule."""

    @staticmethod
    def rule(p: Any, g: Any, c: Any) -> Any:
        return p - c.lr * g

    @staticmethod
    def coefficients(h: Any, t: int) -> NamedTuple:
        return Scalars(h.lr)


def test_they_can_be_switched_at_any_time_with_a_rule_of_ones_own() -> None:
    changes: list[Options] = [
        {},
        {"l1": 0.1},
        {"soft_threshold": True},
        {"weight_decay": 0.3, "decoupled_weight_decay": "proximal", "cautious_weight_decay": True},
        {"l1": 0.0},
        {"decoupled_weight_decay": False, "cautious_weight_decay": False, "l1": 0.1},
        {"weight_decay": 0.0, "l1": 0.0},
    ]
    ends = []
    for cls, backend in ((Own, "numba"), (Own, "numpy"), (fastopt.SGD, None)):
        groups = [{"params": values(0, np.float32)}, {"params": values(1, np.float32), "l1": 0.2}]
        opt: Any = cls(groups, lr=LR, backend=backend)
        for seed, change in enumerate(changes):
            opt.groups[0].update(change)
            opt.step([values(seed, np.float32), values(seed + 1, np.float32)])
        ends.append(np.concatenate([group["params"] for group in opt.groups]))
    assert same(ends[0], ends[1])
    assert same(ends[1], ends[2])


WRONG: list[tuple[Options, str]] = [
    ({"decoupled_weight_decay": "corrected", "lr": 0.01}, r"max_lr is None: give max_lr=0\.01, or"),
    ({"cautious_weight_decay": True}, "cautious_weight_decay=True .* set decoupled_weight_decay=True"),
    ({"decoupled_weight_decay": "late"}, "'fixed', 'corrected', 'after' or 'proximal'"),
    ({"max_lr": 0.0}, "max_lr is 0.0; it must be a finite number > 0, or None"),
    ({"l1": -1.0}, "l1 is -1.0; it must be a finite number >= 0"),
]


@pytest.mark.parametrize(("options", "words"), WRONG, ids=str)
def test_what_does_not_go_together_changes_nothing(options: Options, words: str) -> None:
    p = np.ones(3)
    with pytest.raises(ValueError, match=words):
        fastopt.SGD(p, **options)
    with pytest.raises(ValueError, match=words):
        fastopt.functional.sgd(p, np.ones(3), t=1, **options)
    opt = fastopt.SGD(p)
    before = dict(opt.groups[0])
    with pytest.raises(ValueError, match=words):
        opt.groups[0].update(options)
    assert {**opt.groups[0], "params": None} == {**before, "params": None}
    assert (p == 1.0).all()


def test_both_change_together() -> None:
    opt = fastopt.SGD(np.ones(3), weight_decay=0.1)
    opt.groups[0].update({"decoupled_weight_decay": "corrected", "max_lr": 1.0})
    with pytest.raises(ValueError, match="max_lr is None"):
        opt.max_lr = None
    opt.cautious_weight_decay = True
    again = fastopt.SGD.from_config(opt.get_config(), np.ones(3))
    assert again.get_config() == opt.get_config()
