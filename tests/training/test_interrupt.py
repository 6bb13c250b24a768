"""Ctrl-C in fit: the interrupt is passed on with the history, and the best epoch is put back.

The signals are real. As in `tests/model/test_interrupts.py`, a profiler sends some wherever a handler
can run.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support.training_cases import X, Y, bits, loss_and_grad, start

import fastopt
from fastopt.training import Batches, EarlyStopping, History, Run

SCORES = [3.0, 1.0, 2.0, 4.0]


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Handle the signal as Python does where it is not ignored, as by what runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


class Scene:
    """A training whose best epoch is the second, and Ctrl-C at a place in it."""

    def __init__(self, where: str, epoch: int, backend: str | None = None) -> None:
        self.where, self.epoch = where, epoch
        self.opt = fastopt.Adam(start(), lr=0.05, ema=0.5, backend=backend)
        self.stopping = EarlyStopping("score", patience=9, restore_best=True)
        self.whole: dict[int, Any] = {0: self.now()}
        self.opt.after_step(lambda opt: self.at("step"))
        self.run: Any = None

    def now(self) -> Any:
        return bits(self.opt.params, self.opt.ema_state, *self.opt.state.values()), self.opt.step_count

    def at(self, where: str) -> None:
        if (where, self.run and self.run.epoch) == (self.where, self.epoch):
            self.where = ""
            ctrl_c()

    def on_begin(self, run: Run) -> None:
        self.run = run

    def on_step(self, run: Run) -> None:
        self.at("on_step")

    def on_epoch(self, run: Run) -> None:
        self.whole[run.epoch] = self.now()
        self.at("on_epoch")

    def on_end(self, run: Run) -> None:
        self.at("on_end")

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch; between the one before and this."""
        self.at("between")
        return iter([(X[:11], Y[:11]), (X[11:], Y[11:])])

    def loss_and_grad(self, *arguments: Any) -> Any:
        self.at("loss_and_grad")
        return loss_and_grad(*arguments)

    def validation(self, params: Any) -> dict[str, float]:
        self.at("validation")
        return {"score": SCORES[self.run.epoch - 1]}

    def fit(self) -> History:
        return fastopt.fit(
            self.loss_and_grad,
            self.opt.params,
            self.opt,
            self,
            len(SCORES),
            [self, self.stopping],
            validation=self.validation,
        )


@pytest.mark.parametrize(
    ("where", "epoch", "best", "epochs", "steps"),
    [
        ("step", 3, 2, 2, 4),
        ("on_step", 3, 2, 2, 5),
        ("loss_and_grad", 4, 2, 3, 6),
        ("validation", 3, 2, 2, 6),
        ("on_epoch", 3, 2, 3, 6),
        ("between", 3, 2, 2, 4),
        ("on_end", 4, 2, 4, 8),
        ("step", 2, 1, 1, 2),
        ("step", 1, 0, 0, 0),
    ],
)
def test_the_history_is_in_the_interrupt_and_the_best_epoch_is_back(
    where: str, epoch: int, best: int, epochs: int, steps: int, backend: str
) -> None:
    scene = Scene(where, epoch, backend)
    with pytest.raises(KeyboardInterrupt) as caught:
        scene.fit()
    history = caught.value.history  # type: ignore[attr-defined]
    assert (history.ended, history.best_epoch or 0) == ("interrupted", best)
    assert (len(history["epoch"]), history.steps) == (epochs, steps)
    assert history["score"][:epochs] == SCORES[:epochs] if epochs else "score" not in history
    if best:
        assert scene.now() == scene.whole[best]
    assert "interrupted, best epoch" in repr(history) or not best
    scene.fit()  # nothing is left of it
    assert scene.now() == scene.whole[2]


# Where a generator is closed that was left, Python reports what the handler raised, and goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_wherever_a_handler_can_run() -> None:
    """Also in the middle of keeping the best epoch, and of putting it back."""
    scene = Scene("", 0)
    count = interrupted_after(10**9, scene)
    assert count > 1000
    for events in range(7, count, count // 100):
        scene = Scene("", 0)
        interrupted_after(events, scene)
        best = scene.stopping.best_epoch
        assert best == 0 or scene.now() == scene.whole[best], events
        scene.fit()
        assert scene.now() == scene.whole[2], events


def interrupted_after(events: int, scene: Scene) -> int:
    """Train with Ctrl-C at the so-many-th place; count the places."""
    done = 0

    def look(frame: Any, event: str, argument: Any) -> None:
        nonlocal done
        done += event in ("call", "c_return")
        if done == events:
            sys.setprofile(None)
            ctrl_c()

    found = None
    try:
        sys.setprofile(look)
        scene.fit()
    except KeyboardInterrupt as interrupt:
        found = interrupt
    finally:
        sys.setprofile(None)
    if found is not None and scene.run is not None and scene.run.step:
        assert found.history is scene.run.history  # type: ignore[attr-defined]
    return done


def test_without_restoring_the_parameters_are_those_of_the_last_whole_step() -> None:
    hand, ours = (fastopt.Adam(start(), lr=0.05) for _ in range(2))

    def interrupted(params: Any, x: Any, y: Any) -> Any:
        if ours.step_count == 4:
            ctrl_c()
        return loss_and_grad(params, x, y)

    stopping = EarlyStopping(patience=1)
    with pytest.raises(KeyboardInterrupt):
        fastopt.fit(interrupted, ours.params, ours, Batches((X, Y), 4), 2, [stopping])
    for _, (x, y) in zip(range(4), Batches((X, Y), 4), strict=False):
        hand.step(loss_and_grad(hand.params, x, y)[1])
    assert bits(ours.params) == bits(hand.params)


def test_a_callback_that_fails_at_the_end_hides_no_interrupt() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    callback = type("Failing", (), {"on_step": lambda *_: ctrl_c(), "on_end": lambda *_: fail()})
    opt = fastopt.Adam(start())
    with pytest.raises(ZeroDivisionError) as caught:
        fastopt.fit(loss_and_grad, opt.params, opt, (X, Y), 1, [callback()])
    assert isinstance(caught.value.__context__, KeyboardInterrupt)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no exit code of a signal")
def test_a_program_ends_as_by_ctrl_c_and_says_where_the_history_is() -> None:
    code = """
import signal, numpy as np, fastopt
signal.signal(signal.SIGINT, signal.default_int_handler)
params = [np.zeros(1)]
def loss_and_grad(params):
    signal.raise_signal(signal.SIGINT)
fastopt.fit(loss_and_grad, params, fastopt.SGD(params), [()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.rstrip().endswith("import sys; history = sys.last_value.history")
    assert "fit was interrupted in epoch 1 after 0 steps" in done.stderr
