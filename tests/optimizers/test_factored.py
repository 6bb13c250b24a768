"""Algorithms with numbers for rows, columns and blocks, such as Adafactor."""

import copy
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numerics.test_bits import LEVELS
from numpy.typing import NDArray
from support.variants import FACTORED

import fastopt
from fastopt.numerics.reductions import MOST_PIECES, PIECE, SEGMENT, axes_of, reduced
from fastopt.optimizers.sgd import SgdCoefficients

Array = NDArray[Any]
SHAPES = ((5, 4), (4, 7), (3, 2, 3, 4), (6,), (), (1, 5), (40, 1), (0, 3), (2, SEGMENT + 3), (1100, 70))
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in FACTORED),
    ("adafactor", {"beta1": 0.8, "eps0": 1e-30, "eps1": 0.0, "relative_step": False, "d": 1.5}),
    ("sm3", {"beta2": 0.9, "eps": 1e-3, "momentum": 0.5}),
    ("adammini", {"block": "array"}),
    ("adammini", {"block": "element", "betas": (0.5, 0.7)}),
    ("came", {"betas": (0.8, 0.9, 0.95), "clip_threshold": 0.5, "eps2": 1e-3}),
    ("adamp", {"delta": 1.5, "wd_ratio": 0.5, "nesterov": True}),
    ("sgdp", {"delta": 1.5, "momentum": 0.9, "dampening": 0.5, "nesterov": True}),
]
AROUND: dict[str, Any] = {"weight_decay": 0.1, "clipnorm": 3.0, "ema": 0.5}


def model(dtype: Any, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    found = [np.array(rng.standard_normal(shape), dtype) for shape in SHAPES]
    return [*found, *[np.asfortranarray(found[k]) for k in (0, 2, 9)]]


def gradients(step: int, dtype: Any) -> list[Any]:
    """Of any layout; one sits out for a step, one is zero at first."""
    found: list[Any] = model(dtype, 10 + step)
    found[3] = found[3][::-1]
    found[0] = np.asfortranarray(found[0])
    found[9] = np.repeat(found[9], 2, 1)[:, ::2]
    found[1] = found[1] * (step > 0)
    if step == 2:
        found[2] = None
    return found


def bits(opt: Any, params: list[Array]) -> list[bytes]:
    states = [a for each in opt.state.values() for a in each.values()]
    return [a.tobytes() for a in (*params, *states)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
@pytest.mark.usefixtures("default_settings")
def test_the_same_bits(
    name: str, options: dict[str, Any], dtype: Any, level: Callable[[str], None]
) -> None:
    found = []
    runs = [("numpy", 1, ""), ("numba", 1, ""), *[("native", t, at) for t in (1, 2) for at in LEVELS]]
    for backend, threads, at in runs:
        if at:
            level(at)
        fastopt.set_num_threads(threads)
        params = model(dtype)
        opt = fastopt.get(name, params, backend=backend, **options, **AROUND)
        for step in range(4):
            opt.step(gradients(step, dtype))
        found.append(bits(opt, params))
    assert found[1:] == found[:1] * (len(runs) - 1)


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_all_that_a_step_can_be(name: str, options: dict[str, Any]) -> None:
    """Of the same bits, whatever is looked at besides."""
    around: list[dict[str, Any]] = [
        {"stats": True, "nonfinite": "skip"},
        {"loss_scale": "dynamic", "zero_grads": True},
        {"lookahead_steps": 2, "decoupled_weight_decay": True, "cautious_weight_decay": True}
        | {"weight_decay": 0.1},
        {"l1": 0.1, "soft_threshold": True, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": False, "clipvalue": 0.5},
    ]
    for more in around:
        found = []
        for backend in ("native", "numpy"):
            params = model(np.float32)
            opt = fastopt.get(name, params, backend=backend, **options, **more)
            for step in range(3):
                given = [None if g is None else g.copy(order="K") for g in gradients(step, np.float32)]
                opt.step(given)
            found.append(bits(opt, params))
        assert found[0] == found[1], more


def test_masks_and_rates_of_rows() -> None:
    mask, rates = np.arange(20).reshape(5, 4) % 3 > 0, np.linspace(0.0, 2.0, 5)[:, None]
    found = []
    for backend in ("native", "numba", "numpy"):
        p = np.ones((5, 4))
        opt = fastopt.Adafactor([p], lr=0.5, mask=[mask], lr_scale=[rates], backend=backend)
        for step in range(3):
            opt.step([np.random.default_rng(step).standard_normal((5, 4))])
        found.append(p.tobytes())
        assert (p[~mask] == 1.0).all()
        assert (p[0] == 1.0).all()
        assert (p[1:][mask[1:]] != 1.0).all()
    assert found[1:] == found[:1] * 2


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_resumed_at_every_step(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    params = model(np.float64)
    opt = fastopt.get(name, params, **options)
    ways: list[Any] = []
    for step in range(4):
        for way, others in ways:
            way.step(gradients(step, np.float64))
            del others
        opt.step(gradients(step, np.float64))
        assert all(bits(way, others) == bits(opt, params) for way, others in ways)
        opt.save(tmp_path / "opt.npz", params=True)
        loaded = [np.zeros_like(p) for p in params]
        other = fastopt.get(name, loaded, **options)
        other.load(tmp_path / "opt.npz")
        given = [p.copy(order="K") for p in params]
        again = fastopt.get(name, given, **options)
        again.load_state_dict(opt.state_dict())
        model_too = copy.deepcopy((params, opt))
        ways += [(other, loaded), (again, given), (model_too[1], model_too[0])]


@pytest.mark.parametrize("name", [n for n in FACTORED if n not in ("adamp", "sgdp")])
def test_a_state_of_another_shape(name: str) -> None:
    """Refused by name; left as it is with strict=False."""
    p = np.ones((3, 4))
    opt = fastopt.get(name, [p])
    opt.step([np.ones((3, 4))])
    state = opt.state_dict()
    key = next(key for key, a in state["parameters"]["0"]["arrays"].items() if a.shape != p.shape)
    state["parameters"]["0"]["arrays"][key] = np.zeros((7, 1))
    before = bits(opt, [p])
    with pytest.raises(ValueError, match=rf"{key} of '0' is float64 of shape \(7, 1\); for"):
        opt.load_state_dict(state)
    assert opt.load_state_dict(state, strict=False).missing == ["0"]
    assert bits(opt, [p]) == before


@pytest.mark.parametrize("name", FACTORED)
def test_a_parameter_that_sits_out(name: str, backend: str) -> None:
    """Nothing of it changes, whatever becomes of the others."""
    params = [np.ones((3, 4)), np.ones((2, 5))]
    opt = fastopt.get(name, params, backend=backend)
    opt.step([np.ones((3, 4)), np.ones((2, 5))])
    before = [params[0].tobytes(), *[a.tobytes() for a in opt.state["0"].values()]]
    opt.step([None, np.ones((2, 5))])
    assert [params[0].tobytes(), *[a.tobytes() for a in opt.state["0"].values()]] == before


def test_rows_cannot_be_told_apart() -> None:
    p = np.ones((3, 4))
    opt = fastopt.Adafactor([p])
    opt.step([np.ones((3, 4))])
    with pytest.raises(ValueError, match=r"state 'r' of '0' has shape \(3, 1\), and its"):
        opt.reset("0", rows=[1])
    assert opt.reset("0") == ["0"]
    assert not opt.state["0"]["r"].any()


def test_a_block_that_changes_begins_anew() -> None:
    p = np.ones((3, 4))
    opt = fastopt.AdamMini([p])
    opt.step([np.ones((3, 4))])
    assert opt.state["0"]["v"].shape == (3, 1)
    m = opt.state["0"]["m"].copy()
    opt.groups[0]["block"] = "array"
    opt.step([np.zeros((3, 4))])
    assert opt.state["0"]["v"].tolist() == [[0.0]]
    assert opt.state["0"]["m"].tobytes() == (0.9 * m).tobytes()


BYTES = {  # of float32 states of 4096 x 4096
    "adafactor": 4 * 2 * 4096,
    "came": 4 * (4096 * 4096 + 4 * 4096),
    "sm3": 4 * (4096 * 4096 + 2 * 4096),
    "adammini": 4 * (4096 * 4096 + 4096),
    "rowwiseadagrad": 4 * 4096,
    "adamp": 4 * 2 * 4096 * 4096,
    "sgdp": 4 * 4096 * 4096,
}


@pytest.mark.parametrize("name", FACTORED)
def test_memory(name: str) -> None:
    """Of the states what the paper says, and of a step nothing that grows with the array beside."""
    side = 512
    p, g = np.ones((side, side), np.float32), np.ones((side, side), np.float32)
    opt = fastopt.get(name, [p])
    opt.step([g])
    full = BYTES[name] // (4 * 4096 * 4096)
    states = sum(a.nbytes for a in opt.state["0"].values())
    assert states == full * p.nbytes + (BYTES[name] - full * 4 * 4096 * 4096) * side // 4096
    tracemalloc.start()
    try:
        opt.step([g])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < p.nbytes // 8  # sums of rows and columns, in double, for each of at most 32 pieces


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(
    "shape",
    [
        (7,),
        (),
        (3, 5),
        (4, 3, 2),
        (2, SEGMENT * 2 + 1),
        (MOST_PIECES * 3, 700),
        (PIECE * 2 + 5,),
        (1, 1),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_reductions(shape: tuple[int, ...], order: Any, largest: bool) -> None:
    """Sums to about the bits of NumPy's, and of small whole numbers exactly; the largest exactly."""
    rng = np.random.default_rng(0)
    x = np.asarray(rng.integers(-9, 9, shape), np.float64, order=order)
    kept = [()] if not shape else [(0,), (len(shape) - 1,), tuple(range(len(shape) - 1)), ()]
    arrays = [
        np.zeros([n if axis in which else 1 for axis, n in enumerate(shape)], order=order)
        for which in kept
    ]
    flat = (x if order == "C" else x.T).reshape(-1)
    found = reduced([flat] * len(arrays), axes_of(x, arrays), largest)
    for array, got in zip(arrays, found, strict=True):
        gone = tuple(axis for axis, n in enumerate(array.shape) if n == 1)
        wanted = x.max(axis=gone, keepdims=True) if largest else x.sum(axis=gone, keepdims=True)
        assert got.reshape(array.shape, order=order).tolist() == wanted.tolist()


def negative(p: Any, g: Any, column: Any, c: Any) -> Any:
    return p, -np.abs(g)


class Largest(fastopt.Optimizer):
    """Steps as long as the largest entry of a column, which is below 0."""

    reduced = (negative,)
    spread = ("column",)
    largest = True

    @staticmethod
    def rule(p: Any, g: Any, column: Any, c: Any) -> Any:
        return p - c.lr * column, column

    @staticmethod
    def coefficients(h: Any, t: int) -> Any:
        return SgdCoefficients(h.lr)

    @classmethod
    def spreads(cls, h: Any, p: Array) -> dict[str, tuple[int, ...]]:
        return {"column": (1, p.shape[1])}

    @classmethod
    def factor(cls, h: Any, c: Any, found: Any) -> None:
        if found.number == 1:
            found.spread["column"][...] = found.sums["column"]


def test_the_largest_is_found_in_pieces() -> None:
    g = np.random.default_rng(2).uniform(1.0, 2.0, (7, PIECE))
    p = np.zeros(g.shape)
    Largest([p], lr=1.0, backend="numba").step([g])
    assert (p == np.abs(g).min(axis=0)).all()


def test_the_largest_of_what_is_not_a_number() -> None:
    x = np.array([[1.0, np.nan], [3.0, 2.0]])
    rows, columns = np.zeros((2, 1)), np.zeros((1, 2))
    found = reduced([x.reshape(-1)] * 2, axes_of(x, [rows, columns]), True)
    assert [str(each.tolist()) for each in found] == ["[nan, 3.0]", "[3.0, nan]"]


@pytest.mark.parametrize("name", FACTORED)
def test_nothing_that_is_not_finite_enters(name: str, backend: str) -> None:
    p = np.ones((3, 4), np.float32)
    opt = fastopt.get(name, [p], nonfinite="skip", backend=backend)
    opt.step([np.ones((3, 4), np.float32)])
    before = bits(opt, [p])
    bad = np.ones((3, 4), np.float32)
    bad[1, 2] = np.nan
    assert not opt.step([bad])
    assert bits(opt, [p]) == before
    huge = np.full((3, 4), 1e30, np.float32)
    if not opt.step([huge]):
        assert bits(opt, [p]) == before
    assert all(np.isfinite(a).all() for a in (p, *opt.state["0"].values()))
    opt.nonfinite = "raise"
    if name == "adammini":
        with pytest.raises(FloatingPointError, match="state 'v' of '0' infinite or NaN"):
            opt.step([huge])


@pytest.mark.parametrize("name", FACTORED)
def test_it_learns(name: str) -> None:
    """An ill-conditioned quadratic, from the class's own defaults but for a rate of its kind."""
    rng = np.random.default_rng(0)
    scales, goal = np.geomspace(1.0, 30.0, 12).reshape(3, 4), rng.standard_normal((3, 4))
    p = np.zeros((3, 4))
    opt = fastopt.get(name, [p], lr=0.02 if name == "sgdp" else 0.05)
    losses = []
    for _ in range(1000):
        losses.append(float((scales * (p - goal) ** 2).sum()))
        opt.step([2.0 * scales * (p - goal)])
    assert losses[-1] < 0.05 * losses[0]
    assert min(b - a for a, b in pairwise(losses[:20])) < 0.0


def test_what_lies_along_a_row_is_left_out(backend: str) -> None:
    """Of rows whose gradient is perpendicular to them; and of none where one is not."""
    w = np.array([[3.0, 4.0], [1.0, 0.0]])
    for more, stays in ((0.0, True), (0.5, False)):
        p = w.copy()
        opt = fastopt.SGDP([p], lr=0.1, momentum=0.5, weight_decay=1.0, wd_ratio=0.5, backend=backend)
        opt.step([np.ones((2, 2))])  # of which half goes on, along the rows too
        before = p.copy()
        turned = before[:, ::-1] * [-1.0, 1.0] + [[more], [0.0]] * before
        opt.step([turned])
        u = opt.state["0"]["b"]
        along = (u * before).sum(1, keepdims=True) / (before**2).sum(1, keepdims=True)
        wanted = before * (1 - 0.1 * (0.5 if stays else 1.0) / 0.5) - 0.1 * (u - stays * along * before)
        np.testing.assert_allclose(p, wanted, rtol=1e-7)  # eps is added to norms
