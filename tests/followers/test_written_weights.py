"""Weights that are written by hand: averages and slow weights begin at the first step, or when told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastopt
from fastopt import schedules

Options = dict[str, Any]

EMA: Options = {"ema": 0.9}
SLOW: Options = {"lookahead_steps": 3, "lookahead_alpha": 0.5}
ALL: list[Options] = [
    EMA,
    {"ema": 0.9, "ema_bias_correction": True},
    {"ema": schedules.linear(0.1, end=0.9, steps=5), "ema_bias_correction": True},
    {"swa_start": 0},
    {"swa_start": 0, "swa_every": 2},
    {"swa_start": 3},
    SLOW,
    {**SLOW, **EMA},
    {**EMA, "nonfinite": "skip", "global_clipnorm": 1.0, "stats": True},
    {**EMA, "gradient_accumulation_steps": 2},
]


def model(fill: float) -> dict[str, Any]:
    """Make parameters of both orders, without dimension, and without elements."""
    return {
        "w": np.full((3, 4), fill, np.float32),
        "f": np.asfortranarray(np.full((2, 5), fill)),
        "b": np.array(fill),
        "none": np.zeros((0, 3), np.float32),
    }


def write(params: Any, fill: float) -> None:
    for p in params.values():
        p[...] = fill


def gradients(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {k: np.array(rng.standard_normal(p.shape), p.dtype) for k, p in model(0.0).items()}


def everything(opt: fastopt.Optimizer) -> bytes:
    """All bytes of the parameters and of what a state holds."""
    state = opt.state_dict()
    parameters = state.pop("parameters")
    found = [json.dumps(state, sort_keys=True).encode()]
    for name, entry in parameters.items():
        arrays = entry.pop("arrays")
        found += [name.encode(), json.dumps(entry).encode(), *(a.tobytes("A") for a in arrays.values())]
    return b"".join([*found, *(p.tobytes("A") for p in opt.params.values())])


def run(opt: fastopt.Optimizer, begin: int, end: int) -> None:
    for seed in range(begin, end):
        opt.accumulate(gradients(seed))


# Rows 4 and 5: weights written before the first step.


@pytest.mark.parametrize("options", ALL, ids=lambda options: "-".join(options))
def test_what_is_written_before_the_first_step_is_what_training_begins_with(
    options: Options, backend: str
) -> None:
    late, early = model(1.0), model(100.0)
    opt = fastopt.SGD(late, lr=0.1, backend=backend, **options)
    twin = fastopt.SGD(early, lr=0.1, backend=backend, **options)
    write(late, 100.0)
    for k in range(7):
        run(opt, k, k + 1)
        run(twin, k, k + 1)
        assert everything(opt) == everything(twin), k


def test_the_average_is_that_of_the_weights_that_were_written(backend: str) -> None:
    w = np.zeros(3)
    opt = fastopt.SGD(w, lr=0.0, ema=0.999, backend=backend)
    w[...] = 100.0
    for _ in range(100):
        opt.step(np.zeros(3))
    np.testing.assert_allclose(opt.ema_state, 100.0, rtol=1e-14)  # 0.999 e + 0.001 p rounds


def test_parameters_are_not_pulled_to_what_they_were_before(backend: str) -> None:
    w = np.zeros(3)
    opt = fastopt.SGD(w, lr=0.0, lookahead_steps=5, backend=backend)
    w[...] = 100.0
    for _ in range(5):
        opt.step(np.zeros(3))
    assert w.tolist() == [100.0] * 3


def test_schedule_free_trains_what_was_written(backend: str) -> None:
    for name in ("sgdschedulefree", "adamwschedulefree"):
        late, early = model(1.0), model(100.0)
        opt, twin = (fastopt.get(name, p, lr=0.1, backend=backend) for p in (late, early))
        write(late, 100.0)
        for k in range(4):
            opt.step(gradients(k))
            twin.step(gradients(k))
        assert everything(opt) == everything(twin)


NAMES = {"ema_state": EMA, "swa_state": {"swa_start": 2}, "slow_state": SLOW}


@pytest.mark.parametrize("name", NAMES)
def test_a_look_before_the_first_step_finds_the_parameters(name: str, tmp_path: Path) -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, **NAMES[name])
    held = getattr(opt, name)
    key = "*slow" if name == "slow_state" else "*average"
    for fill in (2.0, 3.0):
        write(params, fill)
        for found in (getattr(opt, name), held):
            assert {k: a.tobytes() for k, a in found.items()} == {
                k: p.tobytes() for k, p in params.items()
            }
        write(params, -fill)
        for state in (opt.state_dict(), opt.state_dict(copy=False)):
            assert (state["parameters"]["w"]["arrays"][key] == -fill).all()
        write(params, fill + 0.5)
        opt.save(tmp_path / "x.npz", progress=False)
        with np.load(tmp_path / "x.npz") as file:
            assert (file[f"{key}/w"] == fill + 0.5).all()
    opt.step(gradients(0))
    before = getattr(opt, name)["w"].copy()
    write(params, 7.0)
    assert getattr(opt, name)["w"].tobytes() == before.tobytes()


def test_averaged_before_the_first_step_leaves_the_parameters() -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, **EMA)
    write(params, 5.0)
    with opt.averaged():
        assert (params["w"] == 5.0).all()
        assert (opt.ema_state["w"] == 5.0).all()
    assert (params["w"] == 5.0).all()


def test_a_look_while_the_parameters_are_elsewhere_finds_where_they_were() -> None:
    w = np.ones(3)
    opt = fastopt.SGD(w, momentum=0.5, ema=0.9, lookahead_steps=2)
    w[...] = 2.0
    with opt.perturbed(np.ones(3), rho=1.0):
        assert w[0] > 2.0
        assert opt.ema_state.tolist() == opt.slow_state.tolist() == [2.0] * 3
    opt.step(np.ones(3))
    with opt.perturbed(np.ones(3), rho=1.0):
        assert opt.slow_state.tolist() == [2.0] * 3


# What was written into an average is not written over.


def through_a_view(opt: Any, params: Any) -> None:
    opt.ema_state["w"][...] = 50.0


def through_a_view_from_before(opt: Any, params: Any) -> None:
    held = opt.ema_state
    write(params, 3.0)
    _ = opt.ema_state
    held["w"][...] = 50.0


def through_a_state(opt: Any, params: Any) -> None:
    opt.state_dict(copy=False)["parameters"]["w"]["arrays"]["*average"][...] = 50.0


def inside_of_averaged(opt: Any, params: Any) -> None:
    with opt.averaged():
        params["w"][...] = 50.0


def after_a_restart(opt: Any, params: Any) -> None:
    held = opt.ema_state
    opt.restart_averages()
    held["w"][...] = 50.0


@pytest.mark.parametrize(
    "way",
    [
        through_a_view,
        through_a_view_from_before,
        through_a_state,
        inside_of_averaged,
        after_a_restart,
    ],
)
def test_an_average_that_was_written_by_hand_stays(way: Callable[..., None], backend: str) -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, lr=0.0, ema=0.5, backend=backend)
    way(opt, params)
    write(params, 100.0)
    assert (opt.ema_state["w"] == 50.0).all()
    assert (opt.ema_state["f"] == 100.0).all()
    twin = fastopt.SGD(model(100.0), lr=0.0, ema=0.5, backend=backend)
    twin.load_state_dict(json_of(opt))
    for each in (opt, twin):
        each.step(gradients(0))
        assert (each.ema_state["w"] == 75.0).all()
        assert (each.ema_state["f"] == 100.0).all()


def json_of(opt: fastopt.Optimizer) -> Any:
    return opt.state_dict()


# Ways in which something can be fresh.


def test_added_parameters_begin_at_their_own_first_step(backend: str) -> None:
    options = {**EMA, "lookahead_steps": 2}
    late, early = {"a": np.ones(3)}, {"a": np.ones(3)}
    opt, twin = (fastopt.SGD(p, lr=0.1, backend=backend, **options) for p in (late, early))
    for each, params, fill in ((opt, late, 1.0), (twin, early, 100.0)):
        each.step({"a": np.ones(3)})
        each.add_params({"b": np.full(2, fill)})
        params["b"][...] = 100.0
    assert opt.ema_state["b"].tolist() == [100.0] * 2
    for k in range(4):
        for each in (opt, twin):
            each.step({"a": np.full(3, float(k)), "b": np.ones(2)})
        assert everything(opt) == everything(twin)


def test_the_others_stay_what_they_are_when_some_are_added_or_removed() -> None:
    params = {"a": np.ones(3), "b": np.ones(2), "c": np.ones(2)}
    opt = fastopt.SGD(params, lr=0.0, **EMA)
    opt.ema_state["c"][...] = 50.0  # by hand
    opt.remove_params("a")
    write(params, 4.0)
    opt.add_params({"d": np.zeros(2)})
    write(params, 5.0)
    found = {k: a[0] for k, a in opt.ema_state.items()}
    assert found == {"b": 5.0, "c": 50.0, "d": 5.0}
    opt.step({k: np.zeros(2) for k in params})
    assert opt.ema_state["d"].tolist() == [5.0] * 2


def test_adding_that_fails_leaves_all_as_it_was() -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, **EMA)
    with pytest.raises(ValueError, match="has 'w' already"):
        opt.add_params({"w": np.ones(2)})
    with pytest.raises(ValueError, match="shares memory"):
        opt.add_params({"x": params["w"]})
    write(params, 3.0)
    opt.step(gradients(0))
    twin = fastopt.SGD(model(3.0), **EMA)
    twin.step(gradients(0))
    assert everything(opt) == everything(twin)


def test_unfrozen_ones_are_pulled_to_what_they_are(backend: str) -> None:
    params = {"a": np.ones(3), "b": np.zeros(3)}
    opt = fastopt.SGD(params, lr=0.0, lookahead_steps=2, backend=backend)
    opt.freeze("b")
    zeros = {"a": np.zeros(3), "b": np.zeros(3)}
    for _ in range(3):
        opt.step(zeros)
    params["b"][...] = 100.0  # a layer is loaded, then trained
    assert opt.slow_state["b"].tolist() == [100.0] * 3
    opt.unfreeze("b")
    for _ in range(4):
        opt.step(zeros)
    assert params["b"].tolist() == [100.0] * 3


def test_one_without_gradients_so_far_is_pulled_to_what_it_is(backend: str) -> None:
    params = {"a": np.ones(3), "b": np.zeros(3)}
    opt = fastopt.SGD(params, lr=0.0, lookahead_steps=2, backend=backend)
    opt.step({"a": np.zeros(3), "b": None})
    params["b"][...] = 100.0
    for _ in range(3):
        opt.step({"a": np.zeros(3), "b": np.zeros(3)})
    assert params["b"].tolist() == [100.0] * 3


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_step_that_is_left_out_begins_nothing(wrong: float, backend: str) -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, lr=0.1, nonfinite="skip", backend=backend, **EMA, **SLOW)
    bad = gradients(0)
    bad["w"][1, 1] = wrong
    assert not opt.step(bad)
    write(params, 100.0)
    opt.nonfinite = "raise"
    with pytest.raises(FloatingPointError):
        opt.step(bad)
    opt.nonfinite = "skip"
    twin = fastopt.SGD(model(100.0), lr=0.1, nonfinite="skip", backend=backend, **EMA, **SLOW)
    twin.step(bad)
    for each in (opt, twin):
        run(each, 1, 6)
    assert everything(opt) == everything(twin)


def test_a_step_that_fails_begins_nothing(backend: str) -> None:
    params = model(1.0)
    beta: list[Any] = ["wrong", 0.5]
    opt = fastopt.SGD(params, lr=0.1, ema=lambda step: beta[0], backend=backend)
    for bad, error in ((gradients(0), TypeError), ({**gradients(0), "w": np.ones(2)}, ValueError)):
        write(params, params["w"][0, 0] + 1.0)
        with pytest.raises((error, TypeError)):
            opt.step(bad)
    del beta[0]
    write(params, 100.0)
    opt.step(gradients(0))
    twin = fastopt.SGD(model(100.0), lr=0.1, ema=lambda step: 0.5, backend=backend)
    twin.step(gradients(0))
    assert everything(opt) == everything(twin)


# Saved before the first step, and loaded.


@pytest.mark.parametrize(
    "options", [EMA, SLOW, {"swa_start": 0}], ids=lambda options: "-".join(options)
)
@pytest.mark.parametrize("way", ["dict", "npz", "safetensors", "made"])
def test_a_state_from_before_the_first_step_begins_at_the_first_step(
    options: Options, way: str, tmp_path: Path
) -> None:
    first = fastopt.SGD(model(1.0), lr=0.1, **options)
    params = model(2.0)
    path = tmp_path / f"state.{way if way != 'made' else 'npz'}"
    if way == "dict":
        opt: fastopt.Optimizer = fastopt.SGD(params, lr=0.1, **options)
        opt.load_state_dict(first.state_dict())
    else:
        first.save(path, progress=False, params=way == "made")
        if way == "made":
            opt = fastopt.load(path, params, progress=False)
            assert (params["w"] == 1.0).all()
        else:
            opt = fastopt.SGD(params, lr=0.1, **options)
            opt.load(path, progress=False)
    write(params, 100.0)
    twin = fastopt.SGD(model(100.0), lr=0.1, **options)
    for each in (opt, twin):
        run(each, 0, 5)
    assert everything(opt) == everything(twin)


def test_what_is_fresh_goes_with_the_state(tmp_path: Path) -> None:
    params = {"a": np.ones(3), "b": np.zeros(3)}
    opt = fastopt.SGD(params, lr=0.1, lookahead_steps=2, ema=0.9)
    opt.step({"a": np.ones(3), "b": None})
    opt.add_params({"c": np.ones(2)})
    opt.save(tmp_path / "x.npz", params=True, progress=False)
    state = opt.state_dict()
    assert [entry["fresh"] for entry in state["parameters"].values()] == [
        [],
        ["slow"],
        ["slow", "average"],
    ]
    others = {"a": np.ones(3), "b": np.zeros(3), "c": np.ones(2)}
    twin = fastopt.load(tmp_path / "x.npz", others, progress=False)
    for each in (opt, twin):
        each.params["b"][...] = each.params["c"][...] = 100.0
        for _ in range(3):
            each.step({"a": np.ones(3), "b": np.ones(3), "c": np.ones(2)})
    assert everything(opt) == everything(twin)
    for wrong in ("slow", 3, None):
        state["parameters"]["a"]["fresh"] = wrong
        with pytest.raises(TypeError, match=r"fresh of 'a' is .*; it must be a list"):
            twin.load_state_dict(state)


def test_a_state_without_it_is_taken_by_its_steps() -> None:
    for taken in (0, 2):
        opt = fastopt.SGD(model(1.0), lr=0.1, **SLOW, **EMA)
        run(opt, 0, taken)
        state = opt.state_dict()
        for entry in state["parameters"].values():
            del entry["fresh"]
        twin = fastopt.SGD(model(5.0), lr=0.1, **SLOW, **EMA)
        twin.load_state_dict(state)
        assert (twin.ema_state["w"] == 5.0).all() == (taken == 0)
        assert (twin.slow_state["w"] == 5.0).all() == (taken == 0)


# Copies.


def test_copies_of_all_are_written_by_the_first_step(backend: str) -> None:
    params = {"a": np.ones(3), "b": np.ones(2), "c": np.ones(2)}
    copies = {k: np.zeros(p.shape, ml_dtypes.bfloat16) for k, p in params.items()}
    opt = fastopt.SGD(params, lr=1.0, cast_to=copies, backend=backend)
    opt.freeze("c")
    write(params, 4.0)
    opt.step({"a": np.ones(3), "b": None, "c": np.ones(2)})
    assert {k: float(c[0]) for k, c in copies.items()} == {"a": 3.0, "b": 4.0, "c": 4.0}
    write(params, 8.0)
    opt.restart_averages()
    assert {k: float(c[0]) for k, c in copies.items()} == {"a": 8.0, "b": 8.0, "c": 8.0}


# Beginning anew.


@pytest.mark.parametrize(
    "options",
    [each for each in ALL if isinstance(each.get("ema", 0.0), float) and "swa_start" not in each],
)
def test_averages_that_are_restarted_are_as_of_a_new_optimizer(options: Options, backend: str) -> None:
    """But for the number of the step, on which schedules, the pulls and `swa_start` depend."""
    params = model(1.0)
    opt = fastopt.SGD(params, lr=0.1, backend=backend, **options)
    run(opt, 0, 6)
    write(params, 100.0)
    opt.restart_averages()
    twin = fastopt.SGD(model(100.0), lr=0.1, backend=backend, **options)
    for k in range(6):
        run(opt, k, k + 1)
        run(twin, k, k + 1)
        for name in ("ema_state",) * ("ema" in options) + ("slow_state",) * (
            "lookahead_steps" in options
        ):
            for key, array in getattr(opt, name).items():
                assert array.tobytes() == getattr(twin, name)[key].tobytes()
    for key, p in opt.params.items():
        assert p.tobytes() == twin.params[key].tobytes()


def test_the_pulls_stay_where_they_were(backend: str) -> None:
    w = np.zeros(1)
    opt = fastopt.SGD(w, lr=1.0, lookahead_steps=3, backend=backend)
    opt.step(np.zeros(1))
    w[...] = 100.0
    opt.restart_averages()
    found = []
    for _ in range(4):
        opt.step(np.ones(1))
        found.append(w[0])
    assert found == [99.0, 99.0, 98.0, 97.0]  # after steps 2, 3 (98, pulled to 100), 4, 5


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("start", [0, 2, 9])
def test_the_mean_is_that_of_what_comes_after(start: int, every: int, backend: str) -> None:
    w = np.zeros(2)
    opt = fastopt.SGD(w, lr=1.0, swa_start=start, swa_every=every, backend=backend)
    for _ in range(4):
        opt.step(np.full(2, 5.0))
    w[...] = 100.0
    opt.restart_averages()
    assert opt.swa_state.tolist() == [100.0] * 2
    averaged = [100.0] if start <= 4 else []
    begin = max(4, start)
    for t in range(5, 13):
        opt.step(np.ones(2))
        if t >= begin and (t - begin) % every == 0:
            averaged.append(w[0])
        wanted = np.mean(averaged) if averaged else w[0]
        np.testing.assert_allclose(opt.swa_state, wanted, rtol=1e-14)  # order of sums


@pytest.mark.parametrize("options", ALL, ids=lambda options: "-".join(options))
@pytest.mark.parametrize("after", [0, 1])
def test_restarted_averages_go_on_elsewhere(options: Options, after: int, tmp_path: Path) -> None:
    """Saved right after the restart, or a step later."""
    opt = fastopt.SGD(model(1.0), lr=0.1, **options)
    run(opt, 0, 5)
    write(opt.params, 100.0)
    opt.restart_averages()
    run(opt, 5, 5 + after)
    opt.save(tmp_path / "x.safetensors", params=True, progress=False)
    twin = fastopt.load(
        tmp_path / "x.safetensors",
        model(0.0),
        progress=False,
        **{k: v for k, v in options.items() if callable(v)},
    )
    assert everything(opt) == everything(twin)
    for each in (opt, twin):
        run(each, 6, 11)
    assert everything(opt) == everything(twin)


def test_a_state_of_a_run_that_was_not_restarted_forgets_the_restart() -> None:
    opt, other = (fastopt.SGD(model(1.0), lr=0.1, swa_start=1) for _ in range(2))
    run(opt, 0, 4)
    run(other, 0, 4)
    opt.restart_averages()
    assert opt.state_dict()["followers"] == {"average": {"restarted": 4}}
    assert other.state_dict()["followers"] == {"average": {}}
    opt.load_state_dict(other.state_dict())
    write(opt.params, 1.0)
    write(other.params, 1.0)
    for each in (opt, other):
        run(each, 4, 6)
    assert everything(opt) == everything(other)


@pytest.mark.parametrize("wrong", [-1, 1.5, "1", None, True])
def test_a_restart_at_no_step_is_refused(wrong: Any) -> None:
    opt = fastopt.SGD(model(1.0), swa_start=1)
    state = opt.state_dict()
    state["followers"]["average"]["restarted"] = wrong
    with pytest.raises((TypeError, ValueError), match="restarted is "):
        opt.load_state_dict(state)


def test_there_is_something_to_restart() -> None:
    opt = fastopt.SGD(np.ones(2))
    words = (
        r"no averages, slow weights or copies to restart: make the optimizer with ema=0\.999, swa_start"
    )
    with pytest.raises(ValueError, match=words):
        opt.restart_averages()


def test_no_restart_in_the_middle() -> None:
    w = np.ones(2)
    opt = fastopt.SGD(w, ema=0.9, momentum=0.5)
    opt.step(np.ones(2))
    before = opt.ema_state.tobytes(), w.tobytes()
    for block, words in (
        (opt.averaged, "averages in the parameters"),
        (lambda: opt.perturbed(np.ones(2)), "perturbed"),
        (opt.at_nesterov_point, "looks ahead"),
    ):
        with block(), pytest.raises(RuntimeError, match=words):
            opt.restart_averages()
    told: list[str] = []
    asked: list[bool] = []

    def rate(step: int) -> float:
        if asked:
            with pytest.raises(RuntimeError, match="middle of a step") as error:
                opt.restart_averages()
            told.append(str(error.value))
        return 1.0

    assert (opt.ema_state.tobytes(), w.tobytes()) == before
    opt.lr = rate
    asked.append(True)
    opt.step(np.ones(2))
    assert told
    free = fastopt.SGDScheduleFree(np.ones(2), ema=0.9)
    free.eval()
    with pytest.raises(RuntimeError, match="eval mode: call its train"):
        free.restart_averages()
    free.train()
    free.close()
    with pytest.raises(RuntimeError, match="is closed"):
        free.restart_averages()


def test_a_parameter_that_is_not_as_it_was_is_refused() -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, **EMA)
    run(opt, 0, 2)
    before = opt.ema_state["f"].tobytes()
    params["w"] = params["w"] * 2
    with pytest.raises(ValueError, match="is not the array that this optimizer updates"):
        opt.restart_averages()
    assert opt.ema_state["f"].tobytes() == before


def test_what_is_closed_stays_as_it_is() -> None:
    params = model(1.0)
    opt = fastopt.SGD(params, **EMA)
    write(params, 5.0)
    opt.close()
    write(params, 6.0)
    assert (opt.ema_state["w"] == 5.0).all()
    assert (opt.state_dict()["parameters"]["w"]["arrays"]["*average"] == 5.0).all()
    params["w"].resize((1, 1), refcheck=False)
    assert (opt.ema_state["w"] == 5.0).all()


def test_arrays_that_were_changed_before_a_look() -> None:
    w = np.ones((2, 3))
    opt = fastopt.SGD({"w": w, "b": np.ones(2)}, **EMA)
    w.shape = (3, 2)
    assert opt.ema_state["w"].shape == (2, 3)
    w.shape = (2, 3)
    w[...] = 4.0
    assert (opt.ema_state["w"] == 4.0).all()
