"""EarlyStopping(restore_best=True): the best epoch is put back whole, as by a checkpoint of it."""

import json
from typing import Any

import numpy as np
import pytest
from support.training_cases import X, Y, bits, loss_and_grad, start

import fastopt
from fastopt import Batches, schedules
from fastopt.state import packed, unpacked
from fastopt.training import EarlyStopping, Plateau, Run


def halves() -> dict[str, Any]:
    return {name: np.zeros(p.shape, np.float16) for name, p in start().items()}


def falling() -> Any:
    return schedules.linear(0.1, 100)


def function(step: int) -> float:
    return 0.1 / (step + 1)


CASES: dict[str, tuple[str, Any]] = {
    "schedule-free": ("adamwschedulefree", dict),
    "schedule-free SGD": ("sgdschedulefree", lambda: {"lr": 0.1, "warmup_steps": 3.0}),
    "momentum": ("sgd", lambda: {"momentum": 0.9, "lr": falling()}),
    "carried": ("nadam", dict),
    "averages": ("adam", lambda: {"ema": 0.9, "ema_bias_correction": True, "cast_to": halves()}),
    "swa": ("adam", lambda: {"swa_start": 2, "swa_every": 2}),
    "slow weights": ("adam", lambda: {"lookahead_steps": 5, "cast_to": halves()}),
    "loss scale": ("adam", lambda: {"loss_scale": "dynamic", "nonfinite": "skip"}),
    "accumulation": ("adam", lambda: {"gradient_accumulation_steps": 4, "ema": 0.5}),
    "functions": ("adam", lambda: {"lr": function, "betas": (0.9, lambda step: 0.99)}),
    "groups": ("adam", lambda: {"groups": {"b": {"lr": falling(), "multiply": {"lr": 0.5}}}}),
}


def all_of(opt: Any) -> Any:
    """Return all that an optimizer is, as text."""
    state = json.dumps(packed(opt.state_dict()), sort_keys=True)
    copies = [] if opt.cast_to is None else bits(opt.cast_to)
    now = [[repr(v) for k, v in group.items() if k != "params"] for group in opt.groups]
    return state, bits(opt.params), copies, now, opt.step_count, opt.skipped, opt.frozen


def train(opt: Any, scores: list[float], *callbacks: Any, best: Any = None, **options: Any) -> Any:
    left = iter(scores)
    stopping = EarlyStopping("score", patience=9, restore_best=True) if best is None else best
    fastopt.fit(
        loss_and_grad,
        opt.params,
        opt,
        Batches((X, Y), 4),
        len(scores),
        [stopping, *callbacks],
        validation=options.pop("validation", lambda params: {"score": next(left)}),
        **options,
    )
    return stopping


@pytest.mark.parametrize("name", CASES)
def test_the_best_epoch_is_put_back_whole(name: str, backend: str) -> None:
    algorithm, options = CASES[name]
    opt, twin = (fastopt.get(algorithm, start(), backend=backend, **options()) for _ in range(2))
    kept: dict[int, Any] = {}
    train(opt, [3, 1, 2, 2], lambda run: kept.update({run.epoch: all_of(run.opt)}))
    train(twin, [3, 1])
    assert all_of(opt) == kept[2] == all_of(twin)
    assert kept[4] != kept[2]
    for each in (opt, twin):  # it goes on as a consistent whole
        train(each, [5, 4, 3])
    assert all_of(opt) == all_of(twin)


def test_the_row_of_schedule_free() -> None:
    """The best loss is what is left, where y alone was put back before."""
    rng = np.random.default_rng(0)
    w = np.zeros(1)
    opt = fastopt.SGDScheduleFree(w, lr=0.5)

    def noisy(params: Any) -> Any:
        return float((params[0] - 3) ** 2), 2 * (params - 3) + rng.standard_normal(1)

    def loss(params: Any) -> dict[str, float]:
        with opt.averaged():
            return {"score": float((params[0] - 3) ** 2)}

    stopping = EarlyStopping("score", patience=30, restore_best=True)
    fastopt.fit(noisy, w, opt, [()] * 3, 60, [stopping], validation=loss)
    assert loss(w)["score"] == stopping.best


@pytest.mark.parametrize("algorithm", ["sgdschedulefree", "adamwschedulefree"])
def test_an_optimizer_that_is_left_in_eval_mode(algorithm: str) -> None:
    """Its user calls eval in the validation, and train with the next batch."""
    found = []
    for evaluates in (False, True):
        opt: Any = fastopt.get(algorithm, start())
        left = iter([3, 1, 2, 2])

        def grads(params: Any, x: Any, y: Any, opt: Any = opt) -> Any:
            opt.train()
            return loss_and_grad(params, x, y)

        def validation(
            params: Any, opt: Any = opt, left: Any = left, evaluates: bool = evaluates
        ) -> Any:
            if evaluates:
                opt.eval()
            return {"score": next(left)}

        stopping = EarlyStopping("score", restore_best=True)
        fastopt.fit(grads, opt.params, opt, Batches((X, Y), 4), 4, [stopping], validation=validation)
        assert (opt._core.evaluation is not None) is evaluates
        opt.eval()
        found.append(bits(opt.params))
        opt.train()
        found.append(all_of(opt))
    assert found[:2] == found[2:]


def test_what_callbacks_have_changed_goes_back_too() -> None:
    opt = fastopt.Adam(start(), lr=function, weight_decay=0.1)
    kept: dict[int, Any] = {}

    def change(run: Run) -> None:
        kept[run.epoch] = all_of(run.opt)
        run.opt.lr = 0.1 / run.epoch  # no function any more
        run.opt.freeze("b")
        run.opt.global_clipnorm = 1.0
        run.opt.nonfinite = "skip"

    train(opt, [1, 2, 2], change)
    assert all_of(opt) == kept[1]
    assert opt.groups[0].given["lr"] is function
    assert (opt.frozen, opt.global_clipnorm, opt.nonfinite) == ([], None, "propagate")


def test_a_schedule_with_a_state_goes_back_too() -> None:
    rate = schedules.reduce_on_plateau(0.1, factor=0.5, patience=0)
    opt = fastopt.Adam(start(), lr=rate)
    train(opt, [1, 2, 2], Plateau(rate, "score"))
    assert opt.groups[0].given["lr"] is rate
    assert (opt.lr, rate.state_dict()["bad_observations"]) == (0.1, 0)


def test_a_step_with_another_rule_since() -> None:
    opt = fastopt.SGD(start(), lr=0.1)
    kept: dict[int, Any] = {}

    def change(run: Run) -> None:
        kept[run.epoch] = all_of(run.opt)
        run.opt.momentum = 0.9  # which has a state

    train(opt, [1, 2, 2], change)
    assert opt.momentum == 0.0
    assert bits(opt.params) == kept[1][1]
    train(opt, [1])


def test_it_is_kept_in_the_same_arrays_and_let_go_at_the_end() -> None:
    opt, seen = fastopt.Adam(start(), lr=0.01), []
    stopping = EarlyStopping("score", restore_best=True)

    def look(run: Run) -> None:
        kept = stopping._kept
        assert kept is not None
        arrays = [*kept.params.values(), *kept.state["parameters"]["w"]["arrays"].values()]
        assert not any(np.shares_memory(a, p) for a in arrays for p in opt.params.values())
        seen.append([id(array) for array in arrays])

    train(opt, [3, 2, 1], look, best=stopping)
    assert seen[0] == seen[1] == seen[2]
    assert stopping._kept is None


def test_parameters_that_have_been_added_since() -> None:
    params = start()
    opt = fastopt.Adam(params, lr=0.01)

    def grads(p: Any, x: Any, y: Any) -> Any:
        loss, found = loss_and_grad(p, x, y)
        return loss, found | ({"c": np.ones(2)} if "c" in p else {})

    def grow(run: Run) -> None:
        if run.epoch == 1:
            opt.add_params({"c": np.zeros(2)})

    left = iter([1, 2, 2])
    stopping = EarlyStopping("score", restore_best=True)
    words = r"best epoch, 1, is not put back: parameters have been added or removed since \('c'\)"
    with pytest.raises(ValueError, match=words):
        fastopt.fit(
            grads,
            params,
            opt,
            Batches((X, Y), 11),
            3,
            [stopping, grow],
            validation=lambda p: {"score": next(left)},
        )
    assert opt.step_count == 6
    assert params["c"].any()


def test_a_run_that_was_saved_without_its_best_epoch() -> None:
    stopping = EarlyStopping("score")
    train(fastopt.Adam(start()), [1.0], best=stopping)
    state = unpacked(json.loads(json.dumps(packed(stopping.state_dict()))))
    for kept in (state["kept"], [np.zeros(2)]):  # 0.1.0 kept a list of parameters
        with pytest.raises(ValueError, match="saved without the optimizer of its best epoch, 1"):
            EarlyStopping("score", restore_best=True).load_state_dict({**state, "kept": kept})
        EarlyStopping("score", restore_best=False).load_state_dict({**state, "kept": kept})  # remedy
