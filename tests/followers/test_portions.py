"""mask= and lr_scale=: how much of its step each element takes."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import Array, portions_for, same
from support.own_momentum import Own

import fastopt
from fastopt.step import overflow

SHAPES: dict[str, tuple[int, ...]] = {"a": (30, 17), "b": (), "c": (3, 4, 2), "d": (7,), "e": (0, 2)}
EVERYTHING: dict[str, Any] = {
    "lr": 0.05,
    "weight_decay": 0.1,
    "l1": 0.01,
    "soft_threshold": True,
    "lookahead_steps": 2,
    "lookahead_alpha": 0.3,
    "ema": 0.9,
    "global_clipnorm": 3.0,
}


def model(dtype: Any = np.float64, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    found = {k: np.asarray(rng.standard_normal(shape), dtype) for k, shape in SHAPES.items()}
    for name in ("a", "c"):
        found[name.upper()] = np.asfortranarray(rng.standard_normal(SHAPES[name]).astype(dtype))
    return found


def train(opt: fastopt.Optimizer, params: dict[str, Array], steps: int = 5) -> None:
    for k in range(1, steps + 1):
        opt.step(model(next(iter(params.values())).dtype, k))


def portions(params: dict[str, Array], kind: str) -> dict[str, Any]:
    return {name: portions_for(params, kind, name) for name in ("mask", "lr_scale")}


@pytest.mark.parametrize("kind", ["full", "rows"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("more", [EVERYTHING, {"weight_decay": 0.1, "cautious_weight_decay": True}])
def test_what_takes_nothing_stays_and_the_rest_is_as_on_every_backend(
    more: dict[str, Any], dtype: Any, kind: str, backend: str
) -> None:
    found = {}
    for name in (backend, "numpy"):
        params, given = model(dtype), portions(model(dtype), kind)
        opt = fastopt.AdamW(params, backend=name, **given, **more)
        train(opt, params)
        for key, was in model(dtype).items():
            still = np.broadcast_to((given["lr_scale"][key] == 0) | ~given["mask"][key], was.shape)
            assert same(params[key][still], was[still])
            assert still.all() or not same(params[key], was)
        found[name] = [*params.values(), *[a for s in opt.state.values() for a in s.values()]]
    assert all(map(same, found[backend], found["numpy"]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lr_scale_multiplies_the_step(dtype: Any, backend: str) -> None:
    """Exactly, where it is 0 or 1, and else in three operations of the dtype."""
    params, twin = model(dtype), model(dtype)
    scales = portions_for(params, "rows", "lr_scale")
    assert scales is not None
    opt = fastopt.SGD(params, lr=0.3, momentum=0.9, lr_scale=scales, backend=backend)
    plain = fastopt.SGD(twin, lr=0.3, momentum=0.9, backend=backend)
    for k in (1, 2):
        before = {name: p.copy() for name, p in params.items()}
        for name, p in twin.items():
            p[...] = params[name]
        opt.step(model(dtype, k))
        plain.step(model(dtype, k))
        for name, p in params.items():
            old, new, s = before[name], twin[name], np.broadcast_to(scales[name], p.shape)
            wanted = np.where(s == 1, new, np.where(s == 0, old, old + s * (new - old)))
            assert same(p, wanted)
            assert same(opt.state[name]["b"], plain.state[name]["b"])


def test_what_is_not_finite_stays_exactly(backend: str) -> None:
    """0 times infinity is not computed, nor infinity minus infinity."""
    values = [np.inf, -np.inf, np.nan, -0.0, 2.0]
    for given in ({"mask": np.zeros(5, bool)}, {"lr_scale": np.zeros(5)}):
        p = np.array(values)
        fastopt.SGD(p, lr=1.0, weight_decay=0.5, backend=backend, **given).step(np.full(5, np.inf))
        assert p.tobytes() == np.array(values).tobytes()
    p = np.array(values)
    fastopt.SGD(p, lr=1.0, lr_scale=np.ones(5), backend=backend).step(np.array([1, 1, 1, 0, np.inf]))
    assert same(p, np.array([np.inf, -np.inf, np.nan, -0.0, -np.inf]))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(5, 1, 1), (5, 7, 1), (1, 7, 6), (1, 7, 1), (1, 1, 6), (1, 1, 1)])
@pytest.mark.parametrize("n", [6, 2000])  # several tiles to a row, or several rows to a tile
def test_entries_of_rows_and_columns_are_those_of_their_elements(
    n: int, shape: tuple[int, ...], order: Any, backend: str
) -> None:
    rng = np.random.default_rng(0)
    shape = tuple(n if k == 6 else k for k in shape)
    entries = np.array(rng.integers(0, 3, shape) / 2, order=order)
    outcomes = []
    for scale in (entries, np.array(np.broadcast_to(entries, (5, 7, n)), order=order)):
        for whole in (True, False):
            p = np.ones((5, 7, n), order=order)
            opt = fastopt.Adam(p, lr=0.1, lr_scale=scale, backend=backend)
            g = np.arange(p.size, dtype=float).reshape(p.shape) - 40.5
            opt.step(np.array(g, order=order) if whole else np.ascontiguousarray(g.T).T)
            outcomes.append(p)
        mask = np.array(scale > 0, order=order)
        p = np.ones((5, 7, n), order=order)
        fastopt.Adam(p, lr=0.1, mask=mask, lr_scale=scale, backend=backend).step(g)
        outcomes.append(p)
    assert all([same(outcomes[0], each) for each in outcomes])
    assert np.array_equal(outcomes[0] != 1, np.broadcast_to(entries != 0, p.shape))


def test_they_are_read_where_they_stand_at_each_step(backend: str) -> None:
    """A schedule of pruning writes into its mask; what is not looked at again spreads."""
    p, mask, scale = np.ones(4), np.array([True, True, False, True]), np.ones(4)
    opt = fastopt.SGD(p, lr=1.0, mask=mask, lr_scale=scale, backend=backend)
    opt.step(np.ones(4))
    mask[:] = [False, True, True, True]
    scale[3] = np.nan
    opt.step(np.ones(4))
    assert same(p, np.array([0.0, -1.0, 0.0, np.nan]))


def test_what_follows_sees_the_parameter_as_it_stays(backend: str) -> None:
    p, copy = np.array([1.5, 1.5]), np.zeros(2, np.float16)
    mask = np.array([False, True])
    opt = fastopt.SGD(
        p, lr=1.0, mask=mask, ema=0.5, lookahead_steps=1, cast_to=copy, stats=True, backend=backend
    )
    opt.step(np.full(2, 0.5))
    assert same(p, np.array([1.5, 1.25]))
    assert same(opt.slow_state, p)
    assert same(copy, p.astype(np.float16))
    assert same(opt.ema_state, np.array([1.5, 1.375]))
    assert opt.report()[0].update_norm == 0.25


def test_without_a_gradient_in_groups_frozen_and_accumulated(backend: str) -> None:
    """The others are as without; None takes the whole step."""
    mask = {"a": np.array([True, False]), "b": None, "c": np.array([[True], [False]])}
    params = {"a": np.ones(2), "b": np.ones(2), "c": np.ones((2, 2))}
    opt = fastopt.SGD(
        params,
        lr=0.5,
        mask=mask,
        groups={"c": {"lr": 0.25}},
        gradient_accumulation_steps=2,
        backend=backend,
    )
    for g in ({"a": np.ones(2), "b": None, "c": np.ones((2, 2))},) * 2:
        opt.accumulate(g)
    assert params["a"].tolist() == [0.5, 1.0]
    assert params["c"].tolist() == [[0.75] * 2, [1.0] * 2]
    opt.freeze("a")
    opt.step({k: np.ones(p.shape) for k, p in params.items()})
    assert params["a"].tolist() == [0.5, 1.0]
    assert params["b"].tolist() == [0.5, 0.5]


def test_a_step_that_a_scale_would_make_infinite_is_left_out(backend: str) -> None:
    """Also by decay, where gradient and scalars are moderate. What is held is no reason."""
    p, scale = np.array([1e32, 1.0], np.float32), np.array([1e9, 1.0], np.float32)
    opt = fastopt.AdamW(p, lr=0.1, weight_decay=0.5, lr_scale=scale, nonfinite="skip", backend=backend)
    assert not opt.step(np.zeros(2, np.float32))
    assert opt.skipped == 1
    assert p.tolist() == np.array([1e32, 1.0], np.float32).tolist()
    scale[0] = 0.0
    assert opt.step(np.ones(2, np.float32))
    assert np.isfinite(p).all()
    big = np.full((2, 2), 3e38, np.float32)
    held = fastopt.SGD(
        big, lr=1.0, mask=np.array([[False], [True]]), nonfinite="raise", backend=backend
    )
    held.step(np.array([[-1e38, 0], [0, 1]], np.float32))
    with pytest.raises(FloatingPointError):
        held.step(np.array([[0, 0], [-1e38, 0]], np.float32))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_trial_piece_by_piece_knows_the_entries_of_each(
    order: Any, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overflow, "PIECE", 6)
    given: list[dict[str, Any]] = [
        {"mask": np.arange(35).reshape(7, 5) != 17},
        {"mask": (np.arange(7) != 3)[:, np.newaxis]},
        {"lr_scale": (np.arange(5) != 2).astype(np.float32)[np.newaxis]},
    ]
    for each in given:
        each = {name: np.array(a, order=order) for name, a in each.items()}
        p = np.full((7, 5), 3e38, np.float32, order=order)
        opt = fastopt.SGD(p, lr=1.0, nonfinite="skip", backend=backend, **each)
        g = np.zeros((7, 5), np.float32, order=order)
        g[3, 2] = -1e38
        assert opt.step(g)
        assert np.array_equal(p, np.full((7, 5), 3e38, np.float32))
        g[2, 2], g[2, 3] = (0.0, -1e38) if "lr_scale" in each else (-1e38, 0.0)
        assert not opt.step(g)


def test_other_places_hold_them_too(backend: str) -> None:
    p, mask, scale = np.ones(3), np.array([True, False, True]), np.array([1.0, 1.0, 0.5])
    opt = fastopt.SGD(p, lr=1.0, momentum=0.5, mask=mask, lr_scale=scale, backend=backend)
    opt.step(np.ones(3))
    with opt.at_nesterov_point():
        assert p.tolist() == [-0.5, 1.0, 0.25]
    with opt.perturbed(np.array([3.0, 0.0, 4.0]), rho=5.0):
        assert p.tolist() == [3.0, 1.0, 4.5]
    with opt.perturbed(np.array([0.0, 1.0, 0.0]), rho=5.0):
        assert p.tolist() == [0.0, 1.0, 0.5]


def test_parameters_come_and_go_with_them(backend: str) -> None:
    params: dict[str, Any] = {"a": np.ones(2), "b": np.ones(2)}
    opt = fastopt.SGD(params, lr=0.5, mask={"a": np.array([True, False]), "b": None}, backend=backend)
    opt.add_params({"c": np.ones((2, 2))}, lr_scale={"c": np.array([[2.0], [0.0]])})
    opt.add_params({"d": np.ones(2)})
    opt.step({k: np.ones(p.shape) for k, p in params.items()})
    assert params["a"].tolist() == [0.5, 1.0]
    assert params["b"].tolist() == params["d"].tolist() == [0.5] * 2
    assert params["c"].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert list(opt.mask) == list(params)
    assert opt.mask["c"] is None
    opt.remove_params("a")
    assert opt.mask is None
    assert opt.lr_scale["c"].tolist() == [[2.0], [0.0]]
    before = opt.lr_scale
    with pytest.raises(ValueError, match="the lr_scale of 'e' has -1"):
        opt.add_params({"e": np.ones(1)}, lr_scale={"e": np.array([-1.0])})
    assert opt.lr_scale is before
    assert list(params) == ["b", "c", "d"]
    opt.step({k: np.ones(p.shape) for k, p in params.items()})
    assert params["c"].tolist() == [[-1.0, -1.0], [1.0, 1.0]]


def test_groups_in_a_list(backend: str) -> None:
    params: list[Any] = [{"params": [np.ones(2)]}, {"params": [np.ones(2)], "lr": 0.25}]
    opt = fastopt.SGD(params, lr=0.5, mask=[[None], [np.array([True, False])]], backend=backend)
    opt.add_params([np.ones(2)], lr=1.0, mask=[np.array([False, True])])
    opt.step([[np.ones(2)]] * 3)
    found = [group["params"][0].tolist() for group in params]
    assert found == [[0.5, 0.5], [0.75, 1.0], [1.0, 0.0]]


def test_no_checkpoint_and_no_config_has_them(backend: str, tmp_path: Any) -> None:
    """They are the caller's arrays: given again, training goes on with the same bits."""

    def made(params: Any) -> fastopt.Optimizer:
        return fastopt.Adam(params, mask=portions(params, "rows")["mask"], backend=backend)

    params = model()
    opt = made(params)
    train(opt, params, 2)
    assert "mask" not in str(opt.get_config())
    assert "lr_scale" not in str(opt.get_config())
    opt.save(tmp_path / "run.npz", params=True)
    train(opt, params, 2)
    others = model(seed=9)
    mask = portions(others, "rows")["mask"]
    again = fastopt.load(tmp_path / "run.npz", others, mask=mask, backend=backend)
    train(again, others, 2)
    assert all(map(same, params.values(), others.values()))


def test_one_call_and_averages_of_the_algorithm_refuse_them() -> None:
    with pytest.raises(TypeError, match="mask is a setting of an optimizer"):
        fastopt.functional.sgd(np.ones(2), np.ones(2), t=1, mask=np.ones(2, bool))
    with pytest.raises(ValueError, match="does not hold the average that SGDScheduleFree keeps"):
        fastopt.SGDScheduleFree(np.ones(2), mask=np.ones(2, bool))
    with pytest.raises(AttributeError, match="mask is decided when an optimizer is made"):
        fastopt.SGD(np.ones(2)).mask = np.ones(2, bool)


P = np.ones((3, 4), np.float32)
REFUSED: dict[str, tuple[str, Any, type[Exception]]] = {
    "mask_of_floats": ("mask", np.ones((3, 4)), TypeError),
    "mask_that_is_no_array": ("mask", True, TypeError),
    "mask_in_a_list": ("mask", [True] * 3, TypeError),
    "mask_without_axes_of_length_1": ("mask", np.ones(3, bool), ValueError),
    "mask_of_another_shape": ("mask", np.ones((3, 2), bool), ValueError),
    "mask_transposed": ("mask", np.ones((4, 3), bool), ValueError),
    "mask_of_another_order": ("mask", np.ones((3, 4), bool, "F"), ValueError),
    "mask_with_gaps": ("mask", np.ones((3, 8), bool)[:, ::2], ValueError),
    "mask_that_is_broadcast": ("mask", np.broadcast_to(np.True_, (3, 4)), ValueError),
    "scale_of_another_dtype": ("lr_scale", np.ones((3, 4)), TypeError),
    "scale_of_bools": ("lr_scale", np.ones((3, 1), bool), TypeError),
    "scale_below_zero": ("lr_scale", np.full((3, 1), -0.5, np.float32), ValueError),
    "scale_of_nan": ("lr_scale", np.full((3, 4), np.nan, np.float32), ValueError),
    "scale_infinite": ("lr_scale", np.full((1, 4), np.inf, np.float32), ValueError),
    "scale_that_is_the_parameter": ("lr_scale", P, ValueError),
    "scale_within_the_parameter": ("lr_scale", P[1:2], ValueError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_one_is_refused_with_the_line_that_mends_it(case: str, backend: str) -> None:
    setting, a, kind = REFUSED[case]
    given: dict[str, Any] = {setting: {"w": a}}
    with pytest.raises(kind) as caught:
        fastopt.SGD({"w": P}, backend=backend, **given)
    said = str(caught.value)
    assert f"the {setting} of 'w'" in said
    line = said.rpartition("give ")[2].removesuffix(", or None").removeprefix("a copy, ")
    given[setting]["w"] = eval(line, {"np": np, "a": a})
    fastopt.SGD({"w": P}, backend=backend, **given)
    assert same(P, np.ones((3, 4), np.float32))


def test_another_structure_is_refused() -> None:
    for mask in ({"v": np.ones(2, bool)}, [np.ones(2, bool)]):
        with pytest.raises((TypeError, ValueError), match="mask"):
            fastopt.SGD({"w": np.ones(2)}, mask=mask)


def test_their_memory_is_held_and_looked_at(backend: str) -> None:
    p, row = np.ones((3, 4)), np.array([True, False, True])
    params = {"w": p, "b": np.ones(3)}
    mask = {"w": row[:, np.newaxis], "b": row}  # one for both
    opt = fastopt.SGD(params, lr=0.5, mask=mask, backend=backend)
    with pytest.raises(ValueError, match="resize"):
        row.resize(9, refcheck=False)
    grads = {"w": np.ones((3, 4)), "b": np.ones(3)}
    opt.step(grads)
    assert p[:, 0].tolist() == params["b"].tolist() == [0.5, 1.0, 0.5]
    mask["w"].shape = (1, 3)
    with pytest.raises(ValueError, match="the mask of 'w' has been given another shape"):
        opt.step(grads)
    mask["w"].shape = (3, 1)
    opt.step(grads)
    assert p[:, 0].tolist() == [0.0, 1.0, 0.0]


def test_a_gradient_in_their_memory_is_refused(backend: str) -> None:
    p, memory = np.ones(4), np.ones(6)
    opt = fastopt.SGD(p, lr_scale=memory[:4], zero_grads=True, backend=backend)
    with pytest.raises(ValueError, match="shares memory with the lr_scale of 'params'"):
        opt.step(memory[2:])
    assert memory.tolist() == [1.0] * 6
    assert p.tolist() == [1.0] * 4


def test_an_own_rule_takes_portions(backend: str) -> None:
    if backend == "native":
        pytest.skip("own rules run on the others")
    p = np.ones(3)
    opt = Own(p, lr=0.5, lr_scale=np.array([0.0, 1.0, 0.5]), backend=backend)
    opt.step(np.ones(3))
    assert p[0] == 1.0
    assert p[2] == (1.0 + p[1]) / 2
    assert p[1] < 1.0
