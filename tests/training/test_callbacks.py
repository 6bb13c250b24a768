"""EarlyStopping, Plateau and Checkpoint: what each does, what it keeps, what it refuses."""

import re
from typing import Any

import numpy as np
import pytest
from support.training_cases import SavedAdam, X, Y, bits, loss_and_grad, start

import fastopt
from fastopt import schedules
from fastopt.training import Batches, Checkpoint, EarlyStopping, Plateau, Run

Metrics = list[float]


def train(metrics: Metrics, callbacks: list[Any], opt: Any = None, **options: Any) -> fastopt.Adam:
    """Train for as many epochs as there are metrics, which the validation gives."""
    opt = fastopt.Adam(start(), lr=0.05) if opt is None else opt
    left = iter(metrics)
    fastopt.fit(
        loss_and_grad,
        opt.params,
        opt,
        Batches((X, Y), 11),
        len(metrics),
        callbacks,
        validation=lambda params: {"score": next(left)},
        **options,
    )
    return opt  # type: ignore[no-any-return]


# EarlyStopping.


@pytest.mark.parametrize(
    ("metrics", "options", "epochs", "best", "best_epoch"),
    [
        ([5, 4, 4, 4, 1], {"patience": 2}, 4, 4.0, 2),
        ([5, 4, 4, 3, 4, 4, 1], {"patience": 2}, 6, 3.0, 4),
        ([5, 4, 3, 2, 1], {"patience": 1}, 5, 1.0, 5),
        ([5, 4.5, 4, 3.5, 3], {"patience": 1, "min_delta": 0.5}, 2, 5.0, 1),
        ([5, 4.25, 3.5], {"patience": 1, "min_delta": 0.5}, 3, 3.5, 3),
        ([5, 6, 6, 7, 1, 1], {"patience": 2, "mode": "max"}, 6, 7.0, 4),
        ([5, 6, 6.25, 7], {"patience": 1, "mode": "max", "min_delta": 0.5}, 3, 6.0, 2),
        ([np.nan, np.nan, 1], {"patience": 2}, 2, np.inf, 0),
        ([np.nan, 3, np.nan, 2], {"patience": 2}, 4, 2.0, 4),
        ([np.inf, -np.inf, -np.inf], {"patience": 1}, 1, np.inf, 0),
        ([1, -np.inf, -np.inf, -np.inf], {"patience": 2}, 4, -np.inf, 2),
    ],
)
def test_early_stopping_by_hand(
    metrics: Metrics, options: dict[str, Any], epochs: int, best: float, best_epoch: int
) -> None:
    stopping = EarlyStopping("score", **options)
    for _ in range(2):  # the second run begins anew
        opt = train(metrics, [stopping])
        assert opt.step_count == 2 * epochs
        assert (stopping.best, stopping.best_epoch) == (best, best_epoch)


def test_early_stopping_looks_at_the_loss_by_default() -> None:
    losses = [3.0, 2.0, 2.5, 2.5, 1.0]
    params = np.zeros(1)
    opt, left = fastopt.SGD(params), iter(losses)
    history = fastopt.fit(
        lambda p: (next(left), np.ones(1)), params, opt, _Epochs(), 5, [EarlyStopping(patience=2)]
    )
    assert history.epochs["loss"] == losses[:4]


class _Epochs:
    """One batch of nothing in each epoch."""

    def __iter__(self) -> Any:
        return iter([()])


@pytest.mark.parametrize("metrics", [[3, 1, 2, 2], [3, 1, 2], [3, 2, 1]])  # stopped, or at the end
def test_the_best_parameters_are_put_back(metrics: Metrics) -> None:
    halves = {name: np.zeros(p.shape, np.float16) for name, p in start().items()}
    opt = fastopt.Adam(start(), lr=0.05, ema=0.5, cast_to=halves)
    kept: dict[int, Any] = {}

    def keep(run: Run) -> None:
        trees = (run.params, run.opt.ema_state, halves, *run.opt.state.values())
        kept[run.epoch] = [bits(tree) for tree in trees]

    train(metrics, [EarlyStopping("score", patience=2, restore_best=True), keep], opt)
    best = metrics.index(1) + 1
    trees = (opt.params, opt.ema_state, halves, *opt.state.values())
    assert [bits(tree) for tree in trees] == kept[best]
    assert opt.step_count == 2 * best


def test_without_restoring_the_last_parameters_stay() -> None:
    with_it = train([1, 2, 2], [EarlyStopping("score", patience=2)])
    assert bits(with_it.params) == bits(train([1, 2, 2], []).params)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"patience": 0}, ValueError, "patience is 0; it must be a whole number >= 1"),
        ({"patience": 2.0}, TypeError, "patience is 2.0"),
        ({"mode": "auto"}, ValueError, "mode is 'auto'; it must be 'min' or 'max'"),
        ({"min_delta": -1}, ValueError, "min_delta is -1.0; it must be a finite number >= 0"),
        ({"restore_best": 1}, TypeError, "restore_best is 1 .* True or False"),
        ({"monitor": 3}, TypeError, r"monitor is 3 \(int\); it must be the name of a metric"),
    ],
)
def test_bad_options_of_early_stopping(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        EarlyStopping(**given)


def test_a_metric_that_is_not_there() -> None:
    with pytest.raises(
        ValueError, match=r"no metric 'scores': did you mean 'score'. there are loss, sc"
    ):
        train([1], [EarlyStopping("scores")])


@pytest.mark.parametrize(
    "callback", [EarlyStopping("score"), Plateau(schedules.reduce_on_plateau(0.1), "score")]
)
def test_a_metric_that_cannot_be_there_is_found_before_training(callback: Any) -> None:
    opt = fastopt.Adam(start())
    with pytest.raises(
        ValueError, match=r"no validation, so the only .* there is no 'score'"
    ) as caught:
        fastopt.fit(loss_and_grad, opt.params, opt, (X, Y), callbacks=[callback])
    assert (opt.step_count, bits(opt.params)) == (0, bits(start()))
    line = re.search(r"fit\(\.\.\., (validation=.*)\)$", str(caught.value))  # the remedy works
    assert line
    names = {"loss_and_grad": loss_and_grad, "x": X, "y": Y}
    remedy = eval(f"dict({line[1]})", names)
    history = fastopt.fit(loss_and_grad, opt.params, opt, (X, Y), callbacks=[callback], **remedy)
    assert len(history["score"]) == 1


# Why training has ended.


def stop_at_two(run: Run) -> bool:
    return run.epoch == 2


def stop_by_hand(run: Run) -> None:
    run.stopped = run.epoch == 1


@pytest.mark.parametrize(
    ("callbacks", "ended", "epochs"),
    [
        ([], "epochs", 3),
        ([EarlyStopping("score", patience=1)], "EarlyStopping", 2),
        ([stop_at_two, EarlyStopping("score", patience=1)], "stop_at_two", 2),
        ([EarlyStopping("score", patience=1), stop_by_hand], "stop_by_hand", 1),
    ],
)
def test_the_history_says_why_training_has_ended(callbacks: Any, ended: str, epochs: int) -> None:
    seen: list[Any] = []
    train([1, 2, 3], [*callbacks, lambda run: seen.append((run.history, run.history.ended))])
    history, last = seen[-1]
    assert (history.ended, len(history["epoch"])) == (ended, epochs)
    assert last == (None if ended == "epochs" else ended)
    assert seen[0][1] is None or epochs == 1


def test_training_that_is_stopped_from_outside_of_callbacks() -> None:
    runs: list[Run] = []
    begin = type("Begin", (), {"on_begin": lambda self, run: runs.append(run)})

    def stopping(*arguments: Any) -> Any:
        runs[0].stopped = True
        return loss_and_grad(*arguments)

    opt = fastopt.Adam(start())
    history = fastopt.fit(stopping, opt.params, opt, [(X, Y)] * 3, 2, [begin()])
    assert (history.ended, history.steps) == ("stopped", 1)


def test_the_best_epoch_of_the_history_is_that_of_early_stopping() -> None:
    seen: list[Any] = []
    look = [lambda run: seen.append(run.history)]
    stopping = EarlyStopping("score", mode="max", min_delta=0.5, patience=9)
    train([1.0, 2.0, 2.25], [stopping, *look])
    assert (seen[0].monitor, seen[0].best_epoch) == ("score", 2) == ("score", stopping.best_epoch)
    train([np.nan], [EarlyStopping("score"), *look])
    assert seen[-1].best_epoch is None


# Plateau.


def test_plateau_shows_each_metric_to_the_schedule() -> None:
    metrics = [3.0, 2.0, 2.0, 2.1, 2.2, 2.3]
    alone = schedules.reduce_on_plateau(0.1, factor=0.5, patience=1)
    shown = schedules.reduce_on_plateau(0.1, factor=0.5, patience=1)
    rates: list[float] = []
    train(metrics, [Plateau(shown, "score"), lambda run: rates.append(shown(run.step))])
    expected = []
    for metric in metrics:
        alone.observe(metric)
        expected.append(alone(0))
    assert rates == expected == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]
    assert shown.state_dict() == alone.state_dict()


def test_plateau_needs_a_schedule_that_takes_a_metric() -> None:
    with pytest.raises(TypeError, match=r"schedule is .*; it must be one that takes a metric"):
        Plateau(schedules.constant(0.1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="monitor is None"):
        Plateau(schedules.reduce_on_plateau(0.1), None)  # type: ignore[arg-type]


# Checkpoint.


@pytest.fixture(autouse=True)
def empty() -> None:
    SavedAdam.saves.clear()


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ({}, [2, 4, 6, 8, 10, 12]),
        ({"epochs": 2}, [4, 8, 12]),
        ({"every": 5}, [5, 10]),
        ({"every": 4, "epochs": 3}, [4, 6, 8, 12, 12]),
    ],
)
def test_checkpoint_saves_when_it_is_time(given: dict[str, Any], steps: list[int]) -> None:
    opt = SavedAdam(start(), ema=0.5)
    train([1.0] * 6, [Checkpoint("a/run.npz", **given)], opt)
    assert [save["steps"] for save in SavedAdam.saves] == steps
    assert {save["path"] for save in SavedAdam.saves} == {"a/run.npz"}
    assert bits(SavedAdam.saves[-1]["params"]) == bits(opt.params) or steps[-1] != 12


def test_checkpoint_waits_while_gradients_are_added_up() -> None:
    opt = SavedAdam(start(), ema=0.5, gradient_accumulation_steps=3)
    train([1.0] * 7, [Checkpoint("run.npz", every=4, epochs=2, params=False)], opt)
    assert opt.step_count == 7  # of 14 batches: at the end of each epoch, one with what waits
    # due after batches 4, 8, 12, where the epoch has not ended yet, and after each second epoch
    assert [save["steps"] for save in SavedAdam.saves] == [2, 4, 6]
    assert all(save["params"] == {} for save in SavedAdam.saves)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"path": 3}, TypeError, r"path is 3 \(int\); it must be a path"),
        ({"every": 0}, ValueError, "every is 0"),
        ({"epochs": 1.0}, TypeError, "epochs is 1.0"),
        ({"params": None}, TypeError, "params is None"),
    ],
)
def test_bad_options_of_checkpoint(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Checkpoint(**{"path": "run.npz", **given})
