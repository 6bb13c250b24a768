"""Signals that arrive in a step: their handlers run after it, whatever they do."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import pytest

import fastopt

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

SIZE = 4_000_000


class Delivered(Exception):  # noqa: N818 - an event
    """What handlers raise."""


@pytest.fixture(params=["SIGINT", "SIGTERM", "SIGALRM"])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    number = getattr(signal, request.param)
    before = signal.getsignal(number)
    yield number
    signal.signal(number, before)


def send_soon(number: int) -> None:
    threading.Timer(0.005, os.kill, (os.getpid(), number)).start()


PIPELINES: list[dict[str, Any]] = [
    {},
    {"global_clipnorm": 1.0, "ema": 0.9},
    {"clipnorm": 0.5, "nonfinite": "skip", "lookahead_steps": 2, "stats": True},
]


@pytest.mark.parametrize("options", PIPELINES)
def test_a_handler_that_raises_finds_whole_steps(options: dict[str, Any], number: int) -> None:
    """Every element has taken the same steps, and training goes on."""

    def handler(signum: int, frame: FrameType | None) -> None:
        raise Delivered(signum)

    signal.signal(number, handler)
    p, g = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    opt = fastopt.Adam(p, **options)
    opt.step(g)
    with pytest.raises(Delivered, match=str(int(number))):  # noqa: PT012 - in whichever step
        send_soon(number)
        while True:
            opt.step(g)
    written = [p, *opt.state["params"].values()]
    if "ema" in options:
        written.append(opt.ema_state)
    if "lookahead_steps" in options:
        written.append(opt.slow_state)
    for array in written:
        assert (array == array[0]).all()
    assert opt.step(g)
    assert (p == p[0]).all()


@pytest.fixture
def default_handler() -> Iterator[None]:
    """Python's own, also where a shell lets what it runs in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("default_handler")
def test_the_default_handler_of_ctrl_c() -> None:
    p, g = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    opt = fastopt.Adam(p)
    opt.step(g)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - in whichever step it arrives
        send_soon(signal.SIGINT)
        while True:
            opt.step(g)
    assert (p == p[0]).all()


def test_a_handler_that_steps_is_refused_in_the_middle(number: int) -> None:
    """It runs between two steps, or inside Python's part of one, and then gets an error."""
    p = np.zeros(8)
    told: list[str] = []
    inner = 0

    def handler(signum: int, frame: FrameType | None) -> None:
        nonlocal inner
        try:
            opt.step(np.ones(8))
            inner += 1
        except RuntimeError as error:
            told.append(str(error))

    def rate(step: int) -> float:
        if opt.step_count:
            signal.raise_signal(number)  # the handler runs here
        return 1.0

    opt = fastopt.SGD(p, lr=1.0)
    signal.signal(number, handler)
    opt.lr = rate
    steps = 10
    for _ in range(steps):
        opt.step(np.ones(8))
    assert told
    assert inner == 0
    assert all("in the middle of a step" in text for text in told)
    assert (p == -float(steps)).all()


def test_a_handler_between_steps_may_step(number: int) -> None:
    p = np.zeros(8)
    opt = fastopt.SGD(p, lr=1.0)
    signal.signal(number, lambda signum, frame: opt.step(np.ones(8)) and None)
    opt.step(np.ones(8))
    signal.raise_signal(number)
    opt.step(np.ones(8))
    assert (p == -3.0).all()


@pytest.mark.parametrize("way", ["step", "accumulate", "set"])
def test_no_optimizer_is_held_for_ever(way: str) -> None:
    """However a handler that raises comes in between, the next step finds the optimizer free."""
    arrived: list[int] = []

    def handler(signum: int, frame: FrameType | None) -> None:
        arrived.append(signum)  # as Python drops what is raised inside a finalizer
        raise Delivered

    before = signal.signal(signal.SIGALRM, handler)
    rng = np.random.default_rng(0)
    g = np.ones(4, np.float32)
    try:
        for wait in rng.uniform(2e-5, 2e-4, 1000).tolist():
            opt = fastopt.SGD(np.zeros(4, np.float32), momentum=0.5)
            calls: dict[str, Callable[[], object]] = {
                "step": partial(opt.step, g),
                "accumulate": partial(opt.accumulate, g),
                "set": partial(setattr, opt, "lr", 0.5),
            }
            call = calls[way]
            arrived.clear()
            with suppress(Delivered):
                signal.setitimer(signal.ITIMER_REAL, wait)
                while not arrived:
                    call()
            opt.flush()  # where the handler came between the sum and its step
            opt.step(g)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
