"""A run that is killed at any step and resumed ends with the bits of one that was not."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.training_cases import SavedAdam, X, Y, bits, loss_and_grad, start, validation

import fastopt
from fastopt import schedules
from fastopt.state import packed, unpacked
from fastopt.training import Batches, Checkpoint, EarlyStopping, History, Plateau, Run

EPOCHS = 6


class Stage:
    """All that a script makes anew each time it is started."""

    def __init__(self, data: Any = None, **options: Any) -> None:
        self.data = Batches((X, Y), 4, seed=3) if data is None else data
        self.opt = SavedAdam(start(), lr=0.3, ema=0.75, **options)
        self.schedule = schedules.reduce_on_plateau(0.3, factor=0.5, patience=0)
        self.stopping = EarlyStopping("validation loss", patience=3, restore_best=True)

    def set_rate(self, run: Run) -> None:
        self.opt.lr = self.schedule(run.step)

    def fit(self, epochs: int = EPOCHS, resume: Any = None) -> History:
        return fastopt.fit(
            loss_and_grad,
            self.opt.params,
            self.opt,
            self.data,
            epochs,
            [
                Checkpoint("run.npz", every=1, epochs=1),
                Plateau(self.schedule, "largest"),
                self.set_rate,
                self.stopping,
            ],
            validation=validation,
            resume=resume,
        )

    def all_bits(self, history: History) -> Any:
        columns = {name: np.array(column).tobytes() for name, column in history.epochs.items()}
        return (
            bits(self.opt.params, self.opt.ema_state, *self.opt.state.values()),
            (history.losses.tobytes(), columns),
            (history.ended, history.monitor, history.best_epoch),
            (self.opt.step_count, self.opt.lr, self.schedule.state_dict()),
            (self.stopping.best, self.stopping.best_epoch),
        )


@pytest.fixture(autouse=True)
def empty() -> None:
    SavedAdam.saves.clear()


def straight(epochs: int = EPOCHS, **options: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Train without a break; give what came of it, and everything that was saved meanwhile."""
    stage = Stage(**options)
    expected = stage.all_bits(stage.fit(epochs))
    saves = copy.deepcopy(SavedAdam.saves)
    return expected, saves


def resumed(save: dict[str, Any], epochs: int = EPOCHS, **options: Any) -> Any:
    """Begin anew, from this."""
    SavedAdam.saves[:] = [save]
    stage = Stage(**options)
    return stage.all_bits(stage.fit(epochs, resume="0"))


def test_resumed_after_every_step_and_every_epoch() -> None:
    expected, saves = straight()
    assert len(saves) == EPOCHS * 7  # six batches and the end of each epoch
    assert 1 < expected[4][1] < EPOCHS  # the best epoch, which is put back
    assert expected[3][1] < 0.3  # the rate has fallen
    for save in saves:
        assert resumed(save) == expected


def test_resumed_while_accumulating() -> None:
    options = {"gradient_accumulation_steps": 4}
    expected, saves = straight(**options)
    assert len(saves) > 8
    for save in saves:
        assert resumed(save, **options) == expected


def test_a_run_that_was_ended_stays_ended() -> None:
    stage = Stage()
    stage.stopping.patience = 1
    stage.stopping.mode = "max"  # the loss falls
    expected = stage.all_bits(stage.fit())
    assert expected[3][0] < EPOCHS * 6
    last = SavedAdam.saves[-1]
    assert resumed(last)[:4] == expected[:4]


def test_more_epochs_than_were_planned() -> None:
    expected, _ = straight(5)
    SavedAdam.saves.clear()
    _, saves = straight(2)
    assert resumed(saves[-1], 5) == expected


def test_a_finished_run_takes_no_step() -> None:
    expected, saves = straight(2)
    assert resumed(saves[-1], 2) == expected
    assert resumed(saves[-1], 1) == expected


def test_a_run_that_began_within_an_epoch() -> None:
    def data() -> Batches:
        batches = Batches((X, Y), 4, seed=3)
        batches.load_state_dict(batches.state_dict() | {"epoch": 1, "position": 4})
        return batches

    expected, saves = straight(2, data=data())
    assert len(saves) == 2 + 1 + 6 + 1
    for save in saves:
        assert resumed(save, 2, data=data()) == expected


@pytest.mark.parametrize("data", [(X, Y), [(X[:9], Y[:9]), (X[9:], Y[9:])]])
def test_other_data_resume_after_an_epoch(data: Any) -> None:
    expected, saves = straight(data=data)
    whole = [save for save in saves if save["steps"] % (1 if isinstance(data, tuple) else 2) == 0]
    assert len(whole) >= 10
    for save in whole:
        assert resumed(save, data=data) == expected


class Loader:
    """Batches without a state."""

    def __iter__(self) -> Iterator[Any]:
        return iter([(X[:9], Y[:9]), (X[9:], Y[9:])])


def test_other_data_cannot_resume_within_an_epoch() -> None:
    _, saves = straight(2, data=Loader())
    for save in (saves[0], saves[1]):  # it has no length, so nobody knows whether it was the last
        with pytest.raises(
            ValueError, match=r"saved after batch . of epoch 1, and data, .* cannot go on"
        ):
            resumed(save, data=Loader())
    resumed(saves[2], data=Loader())


def test_other_data_or_callbacks_than_before() -> None:
    _, saves = straight(1)
    with pytest.raises(ValueError, match="batches with size 4, and these have 5"):
        resumed(saves[0], data=Batches((X, Y), 5, seed=3))
    stage = Stage()
    with pytest.raises(ValueError, match=r"callbacks \[Plateau, EarlyStopping\], and has \[\] now"):
        fastopt.fit(loss_and_grad, stage.opt.params, stage.opt, stage.data, resume="0")


@pytest.mark.parametrize("extra", [None, {}, {"other": 1}])
def test_a_file_that_holds_no_run(extra: Any) -> None:
    opt = SavedAdam(start(), ema=0.5)
    opt.save("run.npz", params=True, extra=extra)
    with pytest.raises(ValueError, match=r"'0' was not saved by a Checkpoint of fit, but by opt.save"):
        fastopt.fit(loss_and_grad, opt.params, opt, (X, Y), resume="0")


def test_a_run_of_another_version() -> None:
    opt = SavedAdam(start(), ema=0.5)
    opt.save("run.npz", extra={"training": {"version": 2}})
    with pytest.raises(ValueError, match="a run of version 1 is needed"):
        fastopt.fit(loss_and_grad, opt.params, opt, (X, Y), resume="0")


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.1, np.nan, -np.inf, 5e-324, -0.0]),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.arange(4, dtype=np.int64),
        np.zeros((0, 3), np.float32),
        np.array(7.5),
    ],
)
def test_arrays_go_through_json_with_their_bits(array: Any) -> None:
    kept: dict[str, Any] = {"a": [array, 1, "x", None, True], "b": {"c": float("-inf"), "d": 0.1}}
    found = unpacked(json.loads(json.dumps(packed(kept), allow_nan=False)))
    assert found["b"] == kept["b"]
    assert found["a"][1:] == kept["a"][1:]
    again = found["a"][0]
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()
    assert again.flags.writeable
    assert np.isnan(unpacked(packed(float("nan"))))
