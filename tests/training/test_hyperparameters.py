"""fit and hyperparameters: others than those of a resumed run, and schedules that wait in vain."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.training_cases import SavedAdam, X, Y, bits, loss_and_grad, start

import fastopt
from fastopt import Batches, schedules
from fastopt.training import Checkpoint, EarlyStopping, Plateau, Run
from fastopt.training.resuming import given_to, saved_run


@pytest.fixture(autouse=True)
def empty() -> None:
    SavedAdam.saves.clear()


def fit(opt: Any, epochs: int = 2, callbacks: Any = (), **options: Any) -> Any:
    return fastopt.fit(
        loss_and_grad, opt.params, opt, Batches((X, Y), 11), epochs, list(callbacks), **options
    )


def saved(*callbacks: Any, **options: Any) -> Any:
    opt = SavedAdam(start(), **options)
    fit(opt, 2, [*callbacks, Checkpoint("run.npz")])
    return opt


# What differs from the run that is resumed.

OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "lr": ({"lr": 0.1}, {"lr": 0.01}, ["lr is 0.01, saved 0.1"]),
    "betas": ({}, {"betas": (0.8, 0.9)}, ["betas is (0.8, 0.9), saved (0.9, 0.999)"]),
    "two": (
        {"lr": 0.1, "weight_decay": 0.5},
        {"lr": 0.2},
        ["lr is 0.2, saved 0.1", "weight_decay is 0.0, saved 0.5"],
    ),
    "setting": ({}, {"global_clipnorm": 1.0}, ["global_clipnorm is 1.0, saved None"]),
    "no setting": ({"global_clipnorm": 1.0}, {}, ["global_clipnorm is None, saved 1.0"]),
    "schedule": (
        {"lr": schedules.linear(0.1, 100)},
        {"lr": schedules.linear(0.1, 200)},
        ["lr is linear(value=0.1, steps=200, end=0.0), saved linear(value=0.1, steps=100, end=0.0)"],
    ),
    "schedule for a number": (
        {"lr": 0.1},
        {"lr": schedules.linear(0.1, 200)},
        ["lr is linear(value=0.1, steps=200, end=0.0), saved 0.1"],
    ),
    "function for a number": ({"lr": 0.1}, {"lr": lambda step: 0.5}, ["lr is <lambda>, saved 0.1"]),
    "group": (
        {"groups": {"b": {"lr": 0.1}}},
        {"groups": {"b": {"lr": 0.2}}},
        ["lr of group 1 is 0.2, saved 0.1"],
    ),
    "factor": (
        {"groups": {"b": {"multiply": {"lr": 0.5}}}},
        {"groups": {"b": {"multiply": {"lr": 2}}}},
        ["multiply of group 1 is {'lr': 2.0}, saved {'lr': 0.5}"],
    ),
    "frozen": ({}, {"groups": {"*": {"frozen": True}}}, ["frozen is ('w', 'b'), saved []"]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_differs_from_the_run_is_told(name: str) -> None:
    before, now, words = OTHERS[name]
    was = saved(**before)
    opt = SavedAdam(start(), **now)
    with pytest.warns(UserWarning, match="differs from the run") as caught:
        fit(opt, 3, resume="1")
    (warning,) = caught
    assert warning.filename == __file__
    text = str(warning.message)
    assert text.startswith(f"this optimizer differs from the run in '1': {'; '.join(words)}. The ")
    assert given_to(opt) == given_to(was)  # the saved values hold
    assert "fit(..., resume=path, hyperparameters=False) keeps the values set here" in text
    other = SavedAdam(start(), **now)
    here = given_to(other)
    fit(other, 3, resume="1", hyperparameters=False)  # the remedy, without a warning
    assert given_to(other) == here


def test_what_is_the_same_is_not_told() -> None:
    options: dict[str, Any] = {
        "lr": schedules.linear(0.1, 100),
        "betas": (0.8, lambda step: 0.9),
        "global_clipnorm": 1.0,
        "ema": 0.5,
        "clipvalue": None,
    }
    saved(**options)
    fit(SavedAdam(start(), **options), 3, resume="0")


def test_what_callbacks_change_is_not_told() -> None:
    def change(run: Run) -> None:
        run.opt.lr = 0.1 / run.epoch

    saved(change, lr=0.1)
    for given in (0.1, 0.05):  # as the run began, and as it was saved
        opt = SavedAdam(start(), lr=given)
        fit(opt, 3, resume="1")
        assert opt.lr == 0.05
    with pytest.warns(UserWarning, match=r"lr is 0\.3, saved 0\.05"):
        fit(SavedAdam(start(), lr=0.3), 3, resume="1")


def test_it_is_told_again_when_it_is_resumed_again() -> None:
    saved(lr=0.1)
    opt = SavedAdam(start(), lr=0.2)
    with pytest.warns(UserWarning, match="lr is 0.2"):
        fit(opt, 3, [Checkpoint("run.npz")], resume="1")
    with pytest.warns(UserWarning, match="lr is 0.2"):
        fit(SavedAdam(start(), lr=0.2), 4, resume="2")


def test_values_that_were_made_to_hold_are_those_of_the_run() -> None:
    saved(lr=0.1)
    fit(SavedAdam(start(), lr=0.2), 3, [Checkpoint("run.npz")], resume="1", hyperparameters=False)
    opt = SavedAdam(start(), lr=0.2)
    fit(opt, 4, resume="2")
    assert opt.lr == 0.2


def test_runs_of_before_are_compared_with_what_was_saved() -> None:
    opt = SavedAdam(start(), lr=0.1)
    fit(opt, 2, [Checkpoint("run.npz")])
    old = {"version": 1, "options": None}
    opt.save("run.npz", params=True, extra={"training": old})
    other = SavedAdam(start(), lr=0.2)
    with pytest.warns(UserWarning, match="lr is 0.2, saved 0.1"):
        saved_run(other, "2", True)


def test_hyperparameters_is_a_switch() -> None:
    with pytest.raises(TypeError, match=r"hyperparameters is 1 .* True or False"):
        fit(SavedAdam(start()), hyperparameters=1)


# Schedules that wait for a metric.

BLIND: dict[str, tuple[Any, str, str]] = {
    "lr": (lambda plateau: {"lr": plateau}, "lr", 'opt.groups[0].given["lr"]'),
    "betas": (
        lambda plateau: {"betas": (0.9, plateau)},
        "betas",
        'opt.groups[0].given["betas"][1]',
    ),
    "group": (
        lambda plateau: {"groups": {"b": {"lr": plateau}}},
        "lr",
        'opt.groups[1].given["lr"]',
    ),
    "ema": (lambda plateau: {"ema": plateau}, "ema", "opt.ema"),
}


@pytest.mark.parametrize("name", BLIND)
def test_a_schedule_that_nothing_shows_a_metric(name: str) -> None:
    options, what, place = BLIND[name]
    opt: Any = SavedAdam(start(), **options(schedules.reduce_on_plateau(0.1)))
    others = [Plateau(schedules.reduce_on_plateau(0.1)), EarlyStopping(), Checkpoint("run.npz")]
    for callbacks in ([], others):
        with pytest.raises(
            ValueError, match=f"^{what} is a schedule that waits for a metric"
        ) as caught:
            fit(opt, 2, callbacks)
        assert (opt.step_count, bits(opt.params)) == (0, bits(start()))
    found = re.search(r"callbacks=\[(.*)\]\), or", str(caught.value))
    assert found is not None
    assert found[1].replace("'", '"') == f'fastopt.training.Plateau({place}, "loss")'
    callback = eval(found[1], {"fastopt": fastopt, "opt": opt})  # the remedy
    fit(opt, 2, [callback])
    assert callback.schedule.observed


def test_a_schedule_of_two_groups_needs_one_callback() -> None:
    rate = schedules.reduce_on_plateau(0.1)
    opt = fastopt.Adam(start(), lr=rate, groups={"b": {"multiply": {"lr": 0.5}}})
    fit(opt, 2, [Plateau(rate)])
    with pytest.raises(ValueError, match="lr is a schedule that waits"):
        fit(fastopt.Adam(start(), lr=schedules.reduce_on_plateau(0.1)), 2, [Plateau(rate)])


def test_one_of_the_users_own_may_show_it() -> None:
    rate = schedules.reduce_on_plateau(0.1)
    fit(fastopt.Adam(start(), lr=rate), 2, [lambda run: rate.observe(run.metrics["loss"]) and None])
    opt = fastopt.Adam(start(), lr=schedules.reduce_on_plateau(0.1))
    with pytest.warns(UserWarning, match="nothing shows it one") as caught:
        fit(opt, 3, [lambda run: None])
    assert len(caught) == 1
    assert opt.step_count == 6


def test_one_epoch_after_the_other_by_hand() -> None:
    rate = schedules.reduce_on_plateau(0.1, patience=0)
    opt = fastopt.Adam(start(), lr=rate)
    for loss in (3.0, 4.0):
        fit(opt, 1)
        rate.observe(loss)
    assert opt.lr == 0.010000000000000002
    blind = fastopt.Adam(start(), lr=schedules.reduce_on_plateau(0.1))
    fit(blind, 1)
    with pytest.raises(ValueError, match="waits for a metric"):
        fit(blind, 1)


def test_no_schedule_is_made_of_one() -> None:
    rate = schedules.reduce_on_plateau(0.1)
    ways: list[Callable[[], Any]] = [
        lambda: schedules.warmup(rate, 3),
        lambda: schedules.join([rate, rate], [3]),
        lambda: schedules.delayed(rate, 3),
        lambda: rate * 0.5,
    ]
    for make in ways:
        with pytest.raises(TypeError, match="keeps a state"):
            make()


# Gradients that are left at the end of the data.


def test_the_last_gradients_of_an_epoch_are_a_step() -> None:
    opt = fastopt.Adam(start(), lr=0.05, gradient_accumulation_steps=4)
    hand = fastopt.Adam(start(), lr=0.05, gradient_accumulation_steps=4)
    seen: list[int] = []

    def validation(params: Any) -> float:
        seen.append(opt.state_dict()["accumulated"])
        return 0.0

    data = [(X[k : k + 2], Y[k : k + 2]) for k in range(0, 20, 2)]  # 10 batches
    fastopt.fit(loss_and_grad, opt.params, opt, data, 2, validation=validation)
    for _ in range(2):
        for x, y in data:
            hand.accumulate(loss_and_grad(hand.params, x, y)[1])
        hand.flush()
    assert bits(opt.params) == bits(hand.params)
    assert (opt.step_count, seen) == (6, [0, 0])


def test_a_run_that_is_ended_within_an_epoch_leaves_none_waiting() -> None:
    class Stop:
        def on_step(self, run: Run) -> bool:
            return run.step == 6

        def on_end(self, run: Run) -> None:
            assert run.opt.state_dict()["accumulated"] == 0

    opt = fastopt.Adam(start(), gradient_accumulation_steps=4)
    fastopt.fit(loss_and_grad, opt.params, opt, Batches((X, Y), 2), 2, [Stop()])
    assert opt.step_count == 2
    assert opt.flush() is False


def test_an_optimizer_in_eval_mode_at_the_end() -> None:
    opt = fastopt.SGDScheduleFree(start(), lr=0.1, gradient_accumulation_steps=4)
    fastopt.fit(
        loss_and_grad,
        opt.params,
        opt,
        Batches((X, Y), 4),
        1,
        validation=lambda p: (opt.eval(), 0.0)[1],  # type: ignore[func-returns-value]
    )
    opt.train()
    assert (opt.step_count, np.isfinite(opt.params["w"]).all()) == (2, True)
