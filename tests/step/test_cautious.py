"""Steps that agree with the gradient: cautious ones, and those that take its signs."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE

import fastopt
from fastopt.optimizers import CLASSES
from fastopt.optimizers.sgd import momentum

BACKENDS = ("native", "numba", "numpy")
SHAPES = ((5,), (), (3, 70), (4129,), (0,), (129, 67))
MOMENTUM: dict[str, Any] = {"lr": 0.1, "momentum": 0.9}


def arrays(seed: int, dtype: Any) -> list[NDArray[Any]]:
    rng = np.random.default_rng(seed)
    found = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    found[5] = np.asfortranarray(found[5])
    return found


def after(steps: int, name: str, backend: str, dtype: Any, **options: Any) -> bytes:
    params = arrays(0, dtype)
    opt = CLASSES[name](params, backend=backend, **options)
    for t in range(1, steps + 1):
        grads = arrays(t, dtype)
        grads[2] = np.asfortranarray(grads[2])
        take_step(opt, grads)
    kept = [np.ascontiguousarray(a) for state in opt.state.values() for a in state.values()]
    return b"".join([a.tobytes() for a in (*params, *kept)])


STAGES: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1, "decoupled_weight_decay": True, "clipnorm": 3.0},
    {"weight_decay": 0.1, "decoupled_weight_decay": False, "l1": 0.01, "maximize": True},
    {"weight_decay": 0.1, "decoupled_weight_decay": True, "cautious_weight_decay": True},
]


@pytest.mark.parametrize("cautious", [True, "grams"])
@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_backends_have_the_same_bits(cautious: bool | str, stage: int) -> None:
    names = ("SGD", "AdamW", "LAMB", "Adafactor")
    options: dict[str, Any] = {"lr": 0.1, **STAGES[stage], "cautious": cautious}
    name, dtype = names[stage], (np.float32, np.float64)[cautious is True]
    if name == "SGD":
        options["momentum"] = 0.9
    assert len({after(3, name, backend, dtype, **options) for backend in BACKENDS}) == 1


def by_hand(p: NDArray[Any], steps: list[NDArray[Any]], how: bool | str) -> NDArray[Any]:
    p, b = p.copy(), np.zeros_like(p)
    for g in steps:
        p = (1.0 - 0.1 * 0.05) * p
        b = 0.9 * b + g
        u = 0.1 * b
        if how is True:
            agrees = u * g > 0
            u = np.where(agrees, u, 0.0) / max(agrees.mean(), 1e-3)
        elif how == "grams":
            u = np.sign(g) * np.abs(u)
        p = p - u
    return p


@pytest.mark.parametrize("how", [False, True, "grams"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_formulas(how: bool | str, backend: str) -> None:
    rng = np.random.default_rng(4)
    p, steps = rng.standard_normal((40, 3)), [rng.standard_normal((40, 3)) for _ in range(9)]
    expected = by_hand(p, steps, how)
    opt = fastopt.SGD(
        [p], **MOMENTUM, weight_decay=0.05, decoupled_weight_decay=True, cautious=how, backend=backend
    )
    for g in steps:
        opt.step([g])
    # Steps are differences of parameters that have been rounded.
    np.testing.assert_allclose(p, expected, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", [True, "grams"])
def test_it_can_be_set_between_steps_and_for_a_group(how: bool | str, backend: str) -> None:
    rng = np.random.default_rng(5)
    params = {"a": rng.standard_normal(50), "b": rng.standard_normal(50)}
    start = {name: p.copy() for name, p in params.items()}
    steps = [{name: rng.standard_normal(50) for name in params} for _ in range(6)]
    opt = fastopt.SGD(params, **MOMENTUM, backend=backend, groups={"b": {"weight_decay": 0.0}})
    plain = fastopt.SGD(start, **MOMENTUM, backend=backend)
    for k, grads in enumerate(steps):
        if k == 2:
            opt.groups[1]["cautious"] = how
        if k == 4:
            opt.cautious = False
        opt.step(grads)
        plain.step(grads)
        assert (params["a"] == start["a"]).all()
        assert (params["b"] == start["b"]).all() == (k < 2)


def test_steps_that_all_go_against_the_gradient_are_left_out() -> None:
    p = np.ones(3)
    opt = fastopt.SGD([p], **MOMENTUM, cautious=True)
    opt.step([np.ones(3)])
    before = p.copy()
    opt.step([np.full(3, -0.5)])  # the momentum is 0.9 - 0.5 still
    assert (p == before).all()
    assert opt.state["0"]["b"].tolist() == [0.4] * 3
    opt.step([np.array([1.0, -1.0, -1.0])])  # momenta 1.36, -0.64 and -0.64: all agree
    assert p.tolist() == (before - 0.1 * np.array([1.36, -0.64, -0.64])).tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_steps_grow_a_thousandfold_at_most(backend: str) -> None:
    p = np.zeros(4000)
    opt = fastopt.SGD([p], **MOMENTUM, cautious=True, backend=backend)
    opt.step([np.ones(4000)])
    p[...] = 0.0
    g = np.full(4000, -0.5)
    g[:2] = 1.0, 0.0  # where the gradient is 0, no step goes along it
    opt.step([g])
    assert p[0] == -1000.0 * (0.1 * 1.9)
    assert not p[1:].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_that_is_not_finite_is_hidden(backend: str) -> None:
    p = np.ones(4)
    opt = fastopt.SGD([p], **MOMENTUM, cautious=True, backend=backend)
    opt.step([np.array([1.0, np.nan, np.inf, -1.0])])
    assert np.isnan(p[1])
    assert p[2] == -math.inf
    assert np.isfinite(p[[0, 3]]).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", [True, "grams"])
def test_the_functional_form_takes_it(how: bool | str, backend: str) -> None:
    rng = np.random.default_rng(6)
    p, (m, v) = rng.standard_normal((30, 3)), np.zeros((2, 30, 3))
    q = p.copy()
    opt = fastopt.AdamW([q], lr=0.1, cautious=how, backend=backend)
    for t in range(1, 4):
        g = rng.standard_normal((30, 3))
        fastopt.functional.adamw(p, g, m, v, t=t, lr=0.1, cautious=how, backend=backend)
        opt.step([g])
        assert p.tobytes() == q.tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_guarded_step_knows_that_steps_grow(backend: str) -> None:
    p = np.zeros(2000, np.float32)
    opt = fastopt.SGD([p], lr=1.0, momentum=0.5, cautious=True, nonfinite="skip", backend=backend)
    g = np.full(2000, 1e36, np.float32)
    assert opt.step([g])
    g[1:] = -0.2e36  # only one step of 2000 goes along its gradient, and grows a thousandfold
    g[0] = 1e36
    before = p.copy()
    assert not opt.step([g])
    assert (p == before).all()


def test_portions_averages_and_reports_go_with_it() -> None:
    start, found = np.random.default_rng(8).standard_normal((30, 4)), set()
    for backend in BACKENDS:
        p = start.copy()
        opt = fastopt.AdamW(
            [p],
            lr=0.1,
            cautious=True,
            backend=backend,
            ema=0.9,
            stats=True,
            lookahead_steps=2,
            mask=[np.arange(30).reshape(30, 1) % 3 > 0],
            lr_scale=[np.linspace(0.5, 2.0, 4)[None, :]],
        )
        for t in range(4):
            opt.step([np.random.default_rng(t).standard_normal((30, 4))])
        assert (p[::3] == start[::3]).all()
        found.add((p.tobytes(), opt.ema_state[0].tobytes(), repr(opt.report())))
    assert len(found) == 1


def test_only_rules_of_groups_that_are_cautious_are_run_before() -> None:
    sizes: list[int] = []

    class Counted(fastopt.SGD):
        @classmethod
        def select_rule(cls, h: Any) -> Any:
            return counted

    def counted(p: Any, g: Any, b: Any, c: Any) -> Any:
        sizes.append(len(p))
        return momentum(p, g, b, c)

    grads = {"a": np.ones(3), "b": np.ones(4), "c": np.ones(5)}
    params = {name: np.zeros_like(g) for name, g in grads.items()}
    careful: Any = {"b": {"cautious": True}, "c": {"cautious": True, "lr": 0.2}}
    opt = Counted(params, **MOMENTUM, backend="numpy", groups=careful)
    opt.step(grads)
    sizes.clear()
    opt.step({**grads, "c": None})
    assert sorted(sizes) == [3, 4, 4]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_algorithm_takes_it_or_says_why_not(name: str) -> None:
    cls = CLASSES[name]
    shapes = SHAPES if name.lower() in ANY_SHAPE else ((3, 4),)
    for how in (True, "grams"):
        params = [np.full(shape, 0.5) for shape in shapes]
        if cls.takes_function:
            with pytest.raises(ValueError, match="cautious"):
                cls(params, cautious=how)
            continue
        opt = cls(params, cautious=how, backend="numpy")
        before = [p.copy() for p in params]
        grads = [np.full(shape, 0.25) for shape in shapes]
        for _ in range(8):  # one is silent for five
            take_step(opt, grads)
        assert any([(p != b).any() for p, b in zip(params, before, strict=True)])
        assert all([np.isfinite(p).all() for p in params])
