"""Finite gradients that would make a parameter or a state infinite: no byte changes, unless asked."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from support.hashing import digest
from support.places import Array, options
from support.steps import take_step
from support.variants import ANY_SHAPE

import fastopt
from fastopt import backends
from fastopt.algorithm.hyperparameters import number
from fastopt.step import overflow

HUGE: dict[str, tuple[Any, list[float]]] = {
    "float32": (np.float32, [1e21, -1e21, 3e38]),
    "float64": (np.float64, [1e200, -1.7e308]),
}


# Whose parameter may be at 1e32 then, so that no later step has a scale.
THERE_FOR_GOOD = {"mechanicsgd"}


def model(dtype: Any, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"a": (5, 7), "b": (), "c": (3,)}
    found = {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in shapes.items()}
    return {**found, "f": np.asfortranarray(rng.standard_normal((4, 6)).astype(dtype))}


def written(opt: fastopt.Optimizer) -> str:
    """Hash all but the counts of steps that were left out."""
    return digest(opt.params, opt.state, opt.step_count)


def all_finite(opt: fastopt.Optimizer) -> bool:
    arrays = [*opt.params.values(), *(a for state in opt.state.values() for a in state.values())]
    return all([bool(np.isfinite(a).all()) for a in arrays])


# What it divides by does not grow with its gradients, and steps go on along the largest of them.
SHORTER = {"adahessian": {"lr": 1e-3}}


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
@pytest.mark.parametrize("dtype", HUGE)
@pytest.mark.parametrize("first", [True, False])
def test_nothing_that_is_not_finite_enters(
    first: bool, dtype: str, algorithm: str, backend: str
) -> None:
    """A step is left out if the same step, taken, ends with something that is not finite."""
    kind, values = HUGE[dtype]
    for value in values:
        for name, place in (("a", (2, 3)), ("b", ()), ("f", (3, 5))):
            made = {
                policy: fastopt.get(
                    algorithm,
                    model(kind),
                    nonfinite=policy,
                    backend=backend,
                    **{**options(algorithm), **SHORTER.get(algorithm, {})},
                )
                for policy in ("propagate", "skip", "raise")
            }
            for opt in made.values():
                if not first:
                    take_step(opt, model(kind, 1))
            g = model(kind, 2)
            g[name][place] = value
            before = written(made["skip"])
            take_step(made["propagate"], g)
            taken = take_step(made["skip"], g)
            assert taken == all_finite(made["propagate"])
            assert written(made["skip"]) == (written(made["propagate"]) if taken else before)
            if taken:
                take_step(made["raise"], g)
            else:
                with pytest.raises(
                    FloatingPointError, match=rf" of '{name}' infinite|parameter '{name}'"
                ):
                    take_step(made["raise"], g)
            assert written(made["raise"]) == written(made["skip"])
            assert made["skip"].skipped == (not taken)
            assert take_step(made["skip"], model(kind, 3)) or algorithm in THERE_FOR_GOOD
            assert all_finite(made["skip"])


def test_the_row_itself(backend: str) -> None:
    p = np.ones(3, np.float32)
    opt = fastopt.Adam(p, nonfinite="raise", backend=backend)
    with pytest.raises(FloatingPointError) as caught:
        opt.step(np.array([1, 1e21, 1], np.float32))
    assert str(caught.value) == (
        "the step would make state 'v' of 'params' infinite, though all is finite before: the largest "
        "entry of the gradient is 1e+21 at (1,), and of the parameter 1. Nothing has been updated; "
        "clipnorm= or clipvalue= limit gradients, a lower lr and an eps that is not 0 limit steps; "
        "nonfinite='skip' leaves such steps out, and 'propagate' takes them"
    )
    assert p.tolist() == [1.0] * 3
    assert opt.step_count == 0


REMEDIES: list[dict[str, Any]] = [
    {"clipnorm": 1.0},
    {"global_clipnorm": 1.0},
    {"clipvalue": 1e3},
    {"loss_scale": 1e6},
    {"nonfinite": "propagate"},
]


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
def test_a_gradient_that_is_limited_is_taken(remedy: dict[str, Any], backend: str) -> None:
    """What counts is the gradient after scale and clipping."""
    p = {"a": np.ones(3, np.float32), "b": np.ones(2, np.float32)}
    opt = fastopt.Adam(p, backend=backend, **{"nonfinite": "raise", **remedy})
    g = {"a": np.array([1, 1e21, 1], np.float32), "b": np.ones(2, np.float32)}
    assert opt.step(g)
    assert all_finite(opt) or remedy == {"nonfinite": "propagate"}


def test_a_lower_lr_is_taken(backend: str) -> None:
    p, g = np.ones(2, np.float32), np.full(2, 1e30, np.float32)
    opt = fastopt.SGD(p, lr=1e9, nonfinite="raise", backend=backend)
    with pytest.raises(FloatingPointError, match=r"parameter 'params' infinite.* a lower lr"):
        opt.step(g)
    opt.lr = 1e-3
    assert opt.step(g)


def test_an_eps_of_zero(backend: str) -> None:
    """0 / 0, by moderate numbers alone."""
    p, g = np.ones(2, np.float32), np.array([0, 1], np.float32)
    opt = fastopt.Adam(p, eps=0.0, nonfinite="raise", backend=backend)
    with pytest.raises(FloatingPointError, match=r"parameter 'params' NaN.* eps that is not 0"):
        opt.step(g)
    assert opt.step(np.ones(2, np.float32))
    opt.eps = 1e-8
    assert opt.step(g)


@pytest.mark.parametrize("algorithm", ANY_SHAPE)
@pytest.mark.parametrize("eps", [0.0, 1.4e-45, 1.2e-38])
def test_hardly_any_eps(eps: float, algorithm: str, backend: str) -> None:
    cls = type(fastopt.get(algorithm, np.ones(1, np.float32)))
    option = cls.hyperparameters.get("eps")
    if option is None or not option.validator.holds(eps):
        return
    p = np.ones(4, np.float32)
    for flush in (False, True) if eps != 1.4e-45 else (False,):  # which would be 0
        opt = fastopt.get(
            algorithm, p, eps=eps, nonfinite="skip", flush_subnormals=flush, backend=backend
        )
        for g in ([1e-20, 1, 1, 1], [1e-30, 1e-22, 1e-15, 0], [1e-45, 1e9, 0, -1]):
            take_step(opt, np.array(g, np.float32))
            arrays = [p, *opt.state["params"].values()]
            assert all([bool(np.isfinite(a).all()) for a in arrays])


@pytest.mark.parametrize("factor", [1e21, 1e38])
@pytest.mark.parametrize("step", [0, 3])
def test_weight_decay_of_a_huge_parameter(step: int, factor: float, backend: str) -> None:
    p = [np.ones(3, np.float32), np.ones(2, np.float32)]
    opt = fastopt.Adam(p, weight_decay=1.0, nonfinite="skip", backend=backend)
    good = [np.ones(3, np.float32), np.ones(2, np.float32)]
    for _ in range(step):
        assert opt.step(good)
    p[0][1] = factor
    before = digest(p, opt.state)
    assert not opt.step(good)
    assert digest(p, opt.state) == before
    opt.freeze("0")
    assert opt.step(good)
    opt.unfreeze("0")
    opt.nonfinite = "raise"
    with pytest.raises(FloatingPointError, match=r"state 'v' of '0'.* of the parameter 1e"):
        opt.step(good)


GROWING: list[tuple[str, dict[str, Any]]] = [  # without any gradient, step by step
    ("sgd", {"momentum": 1e4}),
    ("sgd", {"lr": 100.0, "weight_decay": 100.0}),
    ("sgd", {"lr": 100.0, "weight_decay": 100.0, "decoupled_weight_decay": True}),
    ("sgd", {"lr": 100.0, "weight_decay": 100.0, "decoupled_weight_decay": "after"}),
    ("adamw", {"lr": 100.0, "weight_decay": 100.0}),
    ("adam", {"lr": 100.0, "weight_decay": 100.0, "l1": 1.0, "decoupled_weight_decay": True}),
    ("rmsprop", {"alpha": 1e4}),
    ("sgdschedulefree", {"lr": 100.0, "weight_decay": 100.0}),
    ("adamwschedulefree", {"lr": 100.0, "weight_decay": 100.0}),
]


@pytest.mark.parametrize("which", GROWING, ids=str)
def test_what_grows_by_itself_ends_before_infinity(which: tuple[str, Any], backend: str) -> None:
    algorithm, given = which
    opt = fastopt.get(
        algorithm, {"w": np.ones(3, np.float32)}, nonfinite="skip", backend=backend, **given
    )
    taken = [opt.step({"w": np.full(3, 1e-3, np.float32)}) for _ in range(15)]
    assert all_finite(opt)
    assert not all(taken)


@pytest.mark.parametrize("bad", ["a", "c"])
def test_nothing_of_the_others_changes(bad: str, backend: str) -> None:
    rest: dict[str, Any] = {
        "ema": 0.9,
        "lookahead_steps": 1,
        "stats": True,
        "zero_grads": True,
        "clipvalue": 1e30,
        "cast_to": {name: np.zeros_like(p, np.uint16) for name, p in model(np.float32).items()},
    }
    opt = fastopt.Adam(model(np.float32), nonfinite="raise", backend=backend, **rest)
    opt.step(model(np.float32, 1))
    g = model(np.float32, 2)
    g[bad][..., 0] = 1e21
    before = digest(opt, g, opt.report(), opt.grad_norm)
    with pytest.raises(FloatingPointError, match=f"state 'v' of '{bad}'"):
        opt.step(g)
    assert digest(opt, g, opt.report(), opt.grad_norm) == before
    opt.nonfinite = "skip"
    assert not opt.step(g)
    assert not any([array.any() for array in g.values()])
    assert opt.step(model(np.float32, 3))


def test_a_dynamic_loss_scale_takes_it_for_an_overflow(backend: str) -> None:
    p = np.ones(2, np.float32)
    opt = fastopt.Adam(p, loss_scale="dynamic", backend=backend)
    g = np.array([1e26, 1], np.float32)
    assert not opt.step(g)
    assert (opt.loss_scale, opt.skipped, opt.step_count) == (32768.0, 1, 0)
    assert opt.step(np.full(2, 1e20, np.float32))  # 3e15 when it has been divided


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_gradients_that_are_cast(kind: Any, backend: str) -> None:
    """A float64 that is infinite as float32 is not finite; one that is not is tried as float32."""
    p = np.ones((2, 3), np.float32)
    opt = fastopt.Adam(p, nonfinite="raise", cast_grads=True, backend=backend)
    g = np.ones((3, 2), kind).T
    assert opt.step(g)
    if kind is np.float64:
        g[1, 1] = 1e300
        with pytest.raises(FloatingPointError, match=r"gradient of 'params' is not finite: 1 of 6"):
            opt.step(g)
    if kind is not np.float16:
        g[1, 1] = 1e21
        with pytest.raises(FloatingPointError, match=r"'v'.* is 1e\+21 at \(1, 1\)"):
            opt.step(g)


def test_sums_of_gradients(backend: str) -> None:
    p = np.ones(2, np.float32)
    opt = fastopt.Adam(p, nonfinite="skip", gradient_accumulation_steps=2, backend=backend)
    for value in (3e38, 1e21):  # the sum is infinite; the mean is too large
        g = np.array([value, 1], np.float32)
        assert not opt.accumulate(g)
        assert not opt.accumulate(g)
        assert (p.tolist(), opt.step_count) == ([1.0, 1.0], 0)
    assert opt.skipped == 2
    assert not opt.accumulate(np.ones(2, np.float32))
    assert opt.accumulate(np.ones(2, np.float32))
    assert p[0] == pytest.approx(1 - 1e-3)


def test_a_large_array_is_tried_in_pieces(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overflow, "PIECE", 100)
    for order in ("C", "F"):
        p = np.ones((13, 17, 5), np.float32, order=order)
        opt = fastopt.Adam(p, nonfinite="raise", ema=0.5, backend=backend)
        g = np.zeros_like(p)
        g[11, 16, 4] = 1e21
        with pytest.raises(FloatingPointError, match=r"1e\+21 at \(11, 16, 4\)"):
            opt.step(g)
        g[11, 16, 4] = 1e18
        assert opt.step(g)
        twin = np.ones_like(p)
        fastopt.Adam(twin, backend=backend).step(g)
        assert twin.tobytes("A") == p.tobytes("A")


def test_what_is_infinite_already_is_no_reason(backend: str) -> None:
    p = np.array([np.inf, 1], np.float32)
    opt = fastopt.Adam(p, nonfinite="skip", eps=0.0, weight_decay=0.1, backend=backend)
    assert opt.step(np.array([1, 1], np.float32))
    assert p[1] == pytest.approx(1 - 1e-3)


class CubesCoefficients(NamedTuple):
    lr: float


class Cubes(fastopt.Optimizer):
    """A rule of one's own."""

    lr = number(default=1e-3)

    @staticmethod
    def rule(p: Any, g: Any, s: Any, c: Any) -> Any:
        s = s + g * g * g
        return p - c.lr * s, s

    @staticmethod
    def coefficients(h: Any, t: int) -> Any:
        return CubesCoefficients(h.lr)


@pytest.mark.parametrize("own", ["numba", "numpy"])
def test_a_rule_of_ones_own(own: str) -> None:
    if backends.backend(own).why_not():
        pytest.skip("not here")
    p = np.ones(2, np.float32)
    opt = Cubes(p, nonfinite="skip", backend=own)
    assert not opt.step(np.array([1e13, 1], np.float32))
    assert p.tolist() == [1.0, 1.0]
    assert opt.step(np.array([1e12, 1], np.float32))


def test_moderate_steps_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost what they did: no rule of fastopt is tried where all is as usual."""

    def tried(*_: Any) -> bool:
        raise AssertionError("tried")

    monkeypatch.setattr(overflow, "_tried", tried)
    for algorithm in sorted(
        set(ANY_SHAPE) - {"cocob", "sm3"}
    ):  # which divide by 1e-8 and less at first
        for given in ({}, {"weight_decay": 0.1}, {"clipnorm": 1.0}, {"loss_scale": "dynamic"}):
            more: dict[str, Any] = {"nonfinite": "skip", **options(algorithm), **given}
            opt = fastopt.get(algorithm, model(np.float32), **more)
            for seed in range(3):
                assert take_step(opt, model(np.float32, seed))
