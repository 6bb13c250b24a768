"""Transforms of gradients: Grokfast, OrthoGrad, centralization, adaptive clipping."""

import copy
import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import ANY_SHAPE

import fastopt
from fastopt.optimizers import CLASSES

Array = NDArray[Any]
Options = dict[str, Any]

BACKENDS = ("native", "numba", "numpy")
SHAPES = ((5,), (), (3, 70), (4129,), (0,), (129, 67), (3, 4, 5), (2, 70001), (0, 3), (1, 6))
ALL: Options = {
    "grokfast": 0.7,
    "grokfast_alpha": 0.8,
    "orthograd": True,
    "centralize": True,
    "adaptive_clip": 0.05,
    "adaptive_clip_eps": 0.3,
}
EACH: list[Options] = [
    {"grokfast": 0.7, "grokfast_alpha": 0.8},
    {"orthograd": True},
    {"centralize": True},
    {"adaptive_clip": 0.05},
    {"centralize": True, "adaptive_clip": 0.05},
]


def arrays(seed: int, dtype: Any, shapes: Any = SHAPES) -> list[Array]:
    rng = np.random.default_rng(seed)
    found = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    return [np.asfortranarray(a) if i == 5 else a for i, a in enumerate(found)]


# By hand: one array, float64, the formulas of the papers.


def filtered(g: Array, slow: Array | None, lamb: float, alpha: float) -> tuple[Array, Array]:
    slow = g if slow is None else alpha * slow + (1.0 - alpha) * g
    return g + lamb * slow, slow


def orthogonal(g: Array, p: Array) -> Array:
    if p.size < 2:
        return g
    rest: Array = g - (p * g).sum() / ((p * p).sum() + 1e-30) * p
    rest *= np.sqrt((g * g).sum()) / (np.sqrt((rest * rest).sum()) + 1e-30)
    return rest


def centralized(g: Array) -> Array:
    return g if g.ndim < 2 else g - g.mean(axis=tuple(range(1, g.ndim)), keepdims=True)


def norms(x: Array) -> Array:
    """Norms of the slices of the first axis; a vector is one."""
    axes = tuple(range(1 if x.ndim > 1 else 0, x.ndim))
    found: Array = np.sqrt((x * x).sum(axis=axes, keepdims=True))
    return found


def clipped(g: Array, p: Array, share: float, eps: float) -> Array:
    most = share * np.maximum(norms(p), eps)
    found: Array = np.where(norms(g) < most, g, g * most / np.maximum(norms(g), 1e-6))
    return found


def transformed(g: Array, p: Array, slow: Any, h: Options) -> tuple[Array, Any]:
    if not g.size:
        return g, slow
    if "grokfast" in h:
        g, slow = filtered(g, slow, h["grokfast"], h.get("grokfast_alpha", 0.98))
    if h.get("orthograd"):
        g = orthogonal(g, p)
    if h.get("centralize"):
        g = centralized(g)
    if "adaptive_clip" in h:
        g = clipped(g, p, h["adaptive_clip"], h.get("adaptive_clip_eps", 1e-3))
    return g, slow


@pytest.mark.parametrize("h", [*EACH, ALL], ids=" ".join)
def test_the_formulas(h: Options) -> None:
    """And their order: after the loss scale, before the limit of the norm, maximize and the decay."""
    p, scale = arrays(0, np.float64), 4.0
    q, b = [a.copy() for a in p], [np.zeros_like(a) for a in p]
    slow: list[Any] = [None] * len(p)
    opt = fastopt.SGD(
        p, lr=0.1, momentum=0.9, weight_decay=0.05, clipnorm=2.0, maximize=True, loss_scale=scale, **h
    )
    for t in range(1, 9):
        grads = arrays(t, np.float64)
        before = [g.copy() for g in grads]
        assert opt.step(grads)
        for i, g in enumerate(before):
            assert (grads[i] == g).all()
            g, slow[i] = transformed(g / scale, q[i], slow[i], h)
            norm = np.sqrt((g * g).sum())
            g = g * (2.0 / norm) if norm > 2.0 else g
            b[i] = 0.9 * b[i] + (0.05 * q[i] - g)
            q[i] = q[i] - 0.1 * b[i]
    for i, (found, expected) in enumerate(zip(p, q, strict=True)):
        # Sums in another order: 9e-16 was measured.
        np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-13)
        if "grokfast" in h and found.size:
            state = opt.state[str(i)]["grokfast_ema"]
            np.testing.assert_allclose(state, slow[i], rtol=0.0, atol=1e-14)


def after(name: str, backend: str, dtype: Any, threads: int, options: Options) -> bytes:
    params = arrays(0, dtype)
    opt = CLASSES[name](params, backend=backend, lr=0.01, **options)
    fastopt.set_num_threads(threads)
    for t in range(1, 4):
        grads: list[Any] = arrays(t, dtype)
        grads[2] = np.asfortranarray(grads[2])
        grads[3] = np.repeat(grads[3], 3)[::3]
        grads[t] = None if t % 2 else grads[t].astype(np.float16)
        take_step(opt, grads)
    kept = [np.ascontiguousarray(a) for state in opt.state.values() for a in state.values()]
    return b"".join([a.tobytes() for a in (*params, *kept)])


CASES: list[tuple[str, Any, Options]] = [
    ("SGD", np.float32, {**ALL, "momentum": 0.9}),
    ("AdamW", np.float64, {**ALL, "cautious": True, "clipnorm": 1.0, "loss_scale": 3.0}),
    ("LAMB", np.float32, {**ALL, "grokfast": None, "nonfinite": "skip", "zero_grads": True}),
    ("Adafactor", np.float64, {**ALL, "orthograd": False, "stats": True}),
]


@pytest.mark.parametrize(("name", "dtype", "options"), CASES, ids=[case[0] for case in CASES])
def test_backends_and_threads_have_the_same_bits(name: str, dtype: Any, options: Options) -> None:
    threads = fastopt.get_num_threads()
    try:
        runs = [(each, n) for each in BACKENDS for n in ((1, 2, 5) if each == "native" else (2,))]
        found = {after(name, each, dtype, n, {"cast_grads": True, **options}) for each, n in runs}
    finally:
        fastopt.set_num_threads(threads)
    assert len(found) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_that_is_almost_parallel(backend: str) -> None:
    """Its rest is a millionth: the subtraction loses what it must, and the norm nothing."""
    rng = np.random.default_rng(3)
    p, across = rng.standard_normal((2, 1000))
    across -= (p @ across) / (p @ p) * p
    g = 3.0 * p + 1e-6 * across
    q = p.astype(np.longdouble)
    u = np.asarray(orthogonal(g.astype(np.longdouble), q), float)
    w = p.copy()
    fastopt.SGD([w], lr=1.0, orthograd=True, backend=backend).step([g])
    step = p - w
    assert abs(np.linalg.norm(step) / np.linalg.norm(g) - 1.0) < 1e-13
    assert np.abs(step - u).max() < 1e-8 * np.abs(u).max()  # 1e-16 over 1e-6, a hundredfold


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_left_of_a_gradient_that_is_parallel(backend: str, dtype: Any) -> None:
    p = np.random.default_rng(3).standard_normal(1000).astype(dtype)
    start = p.copy()
    fastopt.SGD([p], lr=1.0, orthograd=True, backend=backend).step([p / dtype(3.0)])
    assert (p == start).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_they_leave_alone(backend: str) -> None:
    """The mean of vectors, the direction of one number, zeros, and rows that are short."""
    p = [np.array([2.0, 3.0]), np.array(5.0), np.array([[7.0]]), np.zeros((2, 2)), np.ones((2, 2))]
    groups: Any = {
        "0": {"centralize": True},
        ("1", "2", "3"): {"orthograd": True},
        "4": {"adaptive_clip": 1.0},
    }
    opt = fastopt.SGD(p, lr=1.0, backend=backend, groups=groups)
    zeros = np.zeros((2, 2))
    opt.step(
        [np.array([1.0, 2.0]), np.array(1.0), np.array([[1.0]]), zeros, np.array([[0.5, 0], [3, 4]])]
    )
    rows = [[0.5, 1.0], [1.0 - 0.6 * np.sqrt(2.0), 1.0 - 0.8 * np.sqrt(2.0)]]
    assert [a.tolist() for a in p[:4]] == [[1.0, 1.0], 4.0, [[6.0]], zeros.tolist()]
    np.testing.assert_allclose(p[4], rows, rtol=0.0, atol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_sums_of_accumulate_are_transformed_as_one(backend: str) -> None:
    p = arrays(0, np.float32, SHAPES[2:4])
    q = [a.copy() for a in p]
    opt = fastopt.AdamW(p, backend=backend, gradient_accumulation_steps=2, **ALL)
    alone = fastopt.AdamW(q, backend=backend, loss_scale=2.0, **ALL)
    for t in range(3):
        some, more = arrays(2 * t, np.float32, SHAPES[2:4]), arrays(2 * t + 1, np.float32, SHAPES[2:4])
        assert not opt.accumulate(some)
        assert opt.accumulate(more)
        alone.step([a + b for a, b in zip(some, more, strict=True)])
        assert [a.tobytes() for a in p] == [a.tobytes() for a in q]


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_are_zeroed_in_any_form(backend: str) -> None:
    p = arrays(0, np.float32, [(4, 6)] * 4)
    opt = fastopt.SGD(
        p,
        lr=0.1,
        zero_grads=True,
        cast_grads=True,
        backend=backend,
        groups={"3": {"centralize": False}},
    )
    opt.centralize = True
    opt.groups[1]["centralize"] = False
    wide = np.ones((8, 12), np.float32)
    grads: list[Any] = [
        np.ones((4, 6), np.float32, "F"),
        wide[::2, ::2],
        np.ones((4, 6)),
        np.ones((4, 6)),
    ]
    assert opt.step(grads)
    assert not any(g.any() for g in grads)
    assert wide.sum() == 8 * 12 - 4 * 6


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", ["skip", "raise"])
def test_what_is_not_finite_changes_nothing(how: str, backend: str) -> None:
    p = arrays(0, np.float32, SHAPES[2:4])
    opt = fastopt.AdamW(p, backend=backend, nonfinite=how, **ALL)
    opt.step(arrays(1, np.float32, SHAPES[2:4]))
    before = [a.copy() for a in (*p, *[a for state in opt.state.values() for a in state.values()])]
    grads = arrays(2, np.float32, SHAPES[2:4])
    grads[0][1, 2] = np.nan
    if how == "raise":
        words = r"the gradient of '0' is not finite: 1 of 210 entries .* the first at \(1, 2\)"
        with pytest.raises(FloatingPointError, match=words):
            opt.step(grads)
    else:
        assert not opt.step(grads)
        assert opt.skipped == 1
    now = [*p, *[a for state in opt.state.values() for a in state.values()]]
    assert all([(a == b).all() for a, b in zip(before, now, strict=True)])
    # Each gradient is finite, and with its mean it is not.
    opt.grokfast = 3.0
    grads[0][1, 2] = 3e38
    if how == "raise":
        with pytest.raises(FloatingPointError, match="the transformed gradient of '0' is not finite"):
            opt.step(grads)
    else:
        assert not opt.step(grads)
    assert all([(a == b).all() for a, b in zip(before, now, strict=True)])


def test_a_step_that_is_left_out_zeroes_what_was_given() -> None:
    opt = fastopt.SGD([np.ones((2, 2))], centralize=True, nonfinite="skip", zero_grads=True)
    g = np.array([[1.0, np.inf], [2.0, 3.0]])
    assert not opt.step([g])
    assert not g.any()


def test_the_mean_of_a_parameter_begins_with_its_first_gradient() -> None:
    p = [np.ones(3), np.ones(3)]
    opt = fastopt.SGD(p, lr=0.0, grokfast=2.0, grokfast_alpha=0.5)
    opt.step([np.full(3, 4.0), None])
    opt.step([np.full(3, 2.0), np.full(3, 8.0)])
    means = [opt.state[str(i)]["grokfast_ema"].tolist() for i in range(2)]
    assert means == [[3.0] * 3, [8.0] * 3]
    opt.reset("0")
    opt.step([np.full(3, 6.0), None])
    means = [opt.state[str(i)]["grokfast_ema"].tolist() for i in range(2)]
    assert means == [[6.0] * 3, [8.0] * 3]


def test_rows_that_come_have_no_mean() -> None:
    params = {"w": np.ones((2, 3))}
    opt = fastopt.Adagrad(params, initial_accumulator_value=0.5, grokfast=2.0)
    opt.step({"w": np.full((2, 3), 4.0)})
    opt.replace("w", np.ones((3, 3)), rows=[1, -1, 0])
    assert opt.state["w"]["grokfast_ema"][:, 0].tolist() == [4.0, 0.0, 4.0]
    opt.reset("w", rows=[0])
    assert opt.state["w"]["grokfast_ema"][:, 0].tolist() == [0.0, 0.0, 4.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_is_resumed_goes_on_alike(backend: str, tmp_path: Path) -> None:
    def steps(opt: Any, first: int, last: int) -> None:
        for t in range(first, last):
            opt.step(arrays(t, np.float32, SHAPES[2:4]))

    p = arrays(0, np.float32, SHAPES[2:4])
    opt = fastopt.AdamW(p, backend=backend, **ALL)
    steps(opt, 1, 4)
    opt.save(tmp_path / "run.npz", params=True)
    again = arrays(9, np.float32, SHAPES[2:4])
    resumed = fastopt.AdamW(again, backend=backend, **ALL)
    resumed.load(tmp_path / "run.npz", params=True)
    twin = copy.deepcopy(opt)
    config = json.loads(json.dumps(opt.get_config()))
    other = [a.copy() for a in p]
    configured = fastopt.AdamW.from_config(config, other)
    configured.load_state_dict(opt.state_dict())
    for each in (opt, resumed, twin, configured):
        steps(each, 4, 7)
    found = {b"".join([a.tobytes() for a in ps]) for ps in (p, again, twin.params, other)}
    assert len(found) == 1
    state = opt.state_dict()
    del state["parameters"]["0"]["arrays"]["grokfast_ema"]
    with pytest.raises(ValueError, match="missing: grokfast_ema of 0"):
        resumed.load_state_dict(state)


@pytest.mark.parametrize("backend", BACKENDS)
def test_they_come_and_go_between_steps_and_by_schedules(backend: str) -> None:
    p, q = np.ones((2, 3)), np.ones((2, 3))
    opt = fastopt.SGD([p], lr=0.5, backend=backend)
    plain = fastopt.SGD(
        [q], lr=0.5, backend=backend, adaptive_clip=lambda t: None if t < 2 else 0.1 * t
    )
    rng = np.random.default_rng(1)
    for t in range(5):
        if t >= 2:
            opt.adaptive_clip = 0.1 * t
        g = rng.standard_normal((2, 3))
        before = p.copy()
        opt.step([g])
        plain.step([g])
        limited = clipped(g, before, 0.1 * t, 1e-3) if t >= 2 else g
        np.testing.assert_allclose(p, before - 0.5 * limited, rtol=0.0, atol=1e-15)
        assert p.tobytes() == q.tobytes()
    opt.adaptive_clip = None
    before = p.copy()
    opt.step([g])
    assert (p == before - 0.5 * g).all()


def test_groups_have_their_own() -> None:
    params = {"a": np.ones((2, 3)), "b": np.ones((2, 3)), "c": np.ones((2, 3))}
    g = np.arange(6.0).reshape(2, 3)
    opt = fastopt.SGD(
        params,
        lr=1.0,
        loss_scale=2.0,
        centralize=True,
        groups={
            "b": {"centralize": False, "grokfast": 1.0},
            "c": {"algorithm": "rmsprop", "lr": 0.0},  # which has what is done to the gradient
        },
    )
    opt.step({name: 2.0 * g for name in params})
    assert (params["a"] == 1.0 - centralized(g)).all()
    assert (params["b"] == 1.0 - 2.0 * g).all()
    np.testing.assert_allclose(opt.state["c"]["v"], 0.01 * centralized(g) ** 2, rtol=1e-15)
    assert "grokfast_ema" not in opt.state["a"]


def test_the_report_is_of_what_the_rule_is_given() -> None:
    opt = fastopt.SGD(
        [np.ones((2, 3))], lr=0.1, centralize=True, stats=True, ema=0.5, lookahead_steps=2
    )
    g = np.arange(6.0).reshape(2, 3)
    opt.step([g])
    assert opt.grad_norm == pytest.approx(np.linalg.norm(centralized(g)), rel=1e-15)
    assert opt.report()[0].grad_norm == opt.grad_norm


def test_a_mask_holds_what_it_holds() -> None:
    p = np.ones((2, 3))
    fastopt.SGD([p], lr=1.0, centralize=True, mask=[np.array([[True, False, True]])]).step(
        [np.eye(2, 3)]
    )
    assert (p[:, 1] == 1.0).all()
    assert (p[:, 0] == 1.0 - centralized(np.eye(2, 3))[:, 0]).all()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_algorithm_takes_them_or_says_why_not(name: str) -> None:
    cls = CLASSES[name]
    shapes: Any = SHAPES[:6] if name.lower() in ANY_SHAPE else ((3, 4),)
    if cls.takes_function:
        for option, value in ALL.items():
            if option in ("grokfast", "orthograd", "centralize", "adaptive_clip"):
                with pytest.raises(ValueError, match=f"{option} is .*: leave it out"):
                    cls([np.ones(3)], **{option: value})
        return
    # Rows without a mean leave one direction of SOAP's basis empty, where it divides noise by noise.
    h = {**ALL, "centralize": name != "SOAP"}
    params = arrays(0, np.float64, shapes)
    opt = cls(params, backend="numpy", **h)
    given, own = arrays(0, np.float64, shapes), arrays(0, np.float64, shapes)
    plain, slow = cls(own, backend="numpy"), [None] * len(own)
    for t in range(1, 8):  # one is silent for five
        grads = arrays(t, np.float64, shapes)
        pairs = [transformed(g, p, s, h) for g, p, s in zip(grads, own, slow, strict=True)]
        slow = [s for _, s in pairs]
        take_step(opt, grads)
        take_step(plain, [u for u, _ in pairs])
    assert any([(p != b).any() for p, b in zip(params, given, strict=True)])
    for p, q in zip(params, own, strict=True):
        # Signs and the like may turn by a rounding, though none of these does.
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["SGD", "AdamW", "LAMB", "Adafactor"])
@pytest.mark.parametrize("cautious", [True, "grams"])
def test_they_go_with_what_else_is_done(name: str, cautious: Any) -> None:
    """As with gradients that are changed by hand, whatever is multiplied after that."""
    shapes, around = (
        SHAPES[2:7],
        {"lr": 0.05, "clipvalue": 0.5, "weight_decay": 0.1, "cautious": cautious},
    )
    around |= {"global_clipnorm": 0.8, "loss_scale": 2.0, "l1": 0.01 if name == "SGD" else 0.0}
    params, own = arrays(0, np.float64, shapes), arrays(0, np.float64, shapes)
    opt, plain = CLASSES[name](params, **around, **ALL), CLASSES[name](own, **around)
    slow: list[Any] = [None] * len(own)
    for t in range(1, 6):
        grads = arrays(t, np.float64, shapes)
        pairs = [transformed(g / 2.0, p, s, ALL) for g, p, s in zip(grads, own, slow, strict=True)]
        slow = [s for _, s in pairs]
        opt.step(grads)
        plain.step([2.0 * u for u, _ in pairs])
        for p, q in zip(params, own, strict=True):
            np.testing.assert_allclose(p, q, rtol=0.0, atol=1e-12)  # 9e-15 was measured


def test_one_call_refuses_them() -> None:
    p, g = np.ones((2, 3)), np.ones((2, 3))
    with pytest.raises(TypeError, match=r"centralize transforms .*: make an optimizer, fastopt.SGD"):
        fastopt.functional.sgd(p, g, t=1, lr=0.1, centralize=True)
    assert (p == 1.0).all()


def test_values_that_they_cannot_be() -> None:
    for option, value in (
        *(("grokfast", -1.0), ("grokfast_alpha", 1.0), ("adaptive_clip", 0.0)),
        *(("adaptive_clip_eps", -1.0), ("centralize", 1), ("orthograd", None)),
    ):
        with pytest.raises((TypeError, ValueError), match=option):
            CLASSES["SGD"]([np.ones(2)], **{option: value})


def test_their_state_is_of_no_other_framework() -> None:
    pytest.importorskip("torch")
    opt = fastopt.AdamW([np.ones(2)], grokfast=2.0)
    opt.step([np.ones(2)])
    with pytest.raises(ValueError, match="grokfast"):
        fastopt.convert.to_torch(opt)


def test_no_reference_to_a_parameter_is_kept() -> None:
    opt = fastopt.SGD([np.ones((2, 3))], lr=0.1, grads=[np.ones((2, 3))], **ALL)
    opt.step()
    with pytest.warns(fastopt.UnseenArrayWarning, match="refers to parameter.*the gradient"):
        opt.step()
    p = np.ones((2, 3))
    opt = fastopt.SGD([p], lr=0.1, **ALL)
    opt.step([np.ones((2, 3))])
    opt.close()
    del opt
    gc.collect()
    p.resize((3, 3), refcheck=True)
