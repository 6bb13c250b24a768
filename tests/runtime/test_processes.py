"""Forks, threads, and what else shares the process."""

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import fastopt

Start = Literal["fork", "spawn", "forkserver"]
LARGE = 1_000_000  # elements: enough for several threads

# Python warns of a fork where there are threads; and so does JAX, once another test has imported it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]


def train(seed: int, steps: int = 5, size: int = LARGE) -> bytes:
    """Train on two threads; give back the parameters' bytes."""
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(size).astype(np.float32)
    opt = fastopt.Adam(p)
    for _ in range(steps):
        opt.step(rng.standard_normal(size, np.float32))
    return p.tobytes()


@pytest.fixture(autouse=True)
def two_threads() -> Any:
    before = fastopt.get_num_threads()
    fastopt.set_num_threads(2)
    yield
    fastopt.set_num_threads(before)


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_processes_after_a_step(start: Start) -> None:
    expected = [train(seed) for seed in range(2)]
    context = multiprocessing.get_context(start)
    with ProcessPoolExecutor(2, context) as executor:
        assert list(executor.map(train, range(2), timeout=120)) == expected
    with context.Pool(2) as pool:
        assert pool.map_async(train, range(2)).get(120) == expected


def digest(seed: int) -> str:
    return hashlib.sha256(train(seed)).hexdigest()


def fork(work: Callable[[], bool]) -> int:
    """Fork a child that says whether it is content; one that hangs is ended by an alarm."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        status = 1
        with suppress(BaseException):
            status = 0 if work() else 1
        os._exit(status)
    return child


def content(child: int) -> bool:
    return os.waitpid(child, 0)[1] == 0


def test_a_hundred_forks() -> None:
    """At once after a step, when workers spin, and later, when they sleep."""
    size = LARGE // 4  # still enough for two threads
    expected = train(0, 2, size)
    for k in range(100):
        train(1, 1, size)
        time.sleep((0.0, 0.0, 1e-5, 1e-3)[k % 4])
        assert content(fork(lambda: train(0, 2, size) == expected)), f"fork {k}"


def test_forks_while_other_threads_step() -> None:
    expected = train(0)
    stop = threading.Event()

    def work(seed: int) -> None:
        while not stop.is_set():
            train(seed, steps=2)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    try:
        children = [fork(lambda: train(0) == expected) for _ in range(20)]
        assert all(content(child) for child in children)
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_a_child_of_a_child() -> None:
    expected = train(0)

    def child() -> bool:
        return train(0) == expected and content(fork(lambda: train(0) == expected))

    assert content(fork(child))


def test_an_optimizer_that_was_in_a_step_is_refused_in_the_child() -> None:
    """Its arrays are half-way there; others are not concerned."""
    p, g = np.zeros(20 * LARGE, np.float32), np.ones(20 * LARGE, np.float32)
    opt = fastopt.Adam(p)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            opt.step(g)

    worker = threading.Thread(target=work)
    worker.start()
    expected = train(0, size=10)

    def child() -> bool:
        try:
            opt.step(g)
        except RuntimeError as error:
            return "in the middle of a step" in str(error) and train(0, size=10) == expected
        return bool((p == p[0]).all())

    try:
        assert all([content(fork(child)) for _ in range(5)])
    finally:
        stop.set()
        worker.join()


def test_a_program_started_from_a_child() -> None:
    """os.fork and exec, and the same bits there."""
    code = (
        "from runtime import test_processes as t; t.two(); print(t.digest(3)); "
        f"assert t.digest(3) == {digest(3)!r}"
    )
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        environment = {**os.environ, "PYTHONPATH": paths}
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execve(sys.executable, [sys.executable, "-c", code], environment)
    assert content(child)


def two() -> None:
    fastopt.set_num_threads(2)


def test_a_child_goes_on_with_its_parents_optimizer() -> None:
    p = np.zeros(LARGE, np.float32)
    opt = fastopt.Adam(p)
    g = np.ones(LARGE, np.float32)
    for _ in range(20):
        opt.step(g)
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            before = p[0]
            opt.step(g)
            opt.step(g)
            os._exit(0 if (p == p[0]).all() and p[0] != before else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_two_threads_on_one_optimizer_get_an_error_not_a_race() -> None:
    p = np.zeros(20 * LARGE, np.float32)
    g = np.ones_like(p)
    opt = fastopt.Adam(p)
    opt.step(g)
    errors: list[RuntimeError] = []

    def work() -> None:
        for _ in range(20):
            try:
                opt.step(g)
            except RuntimeError as error:
                errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert opt.step_count + len(errors) == 61
    assert (p == p[0]).all()
    assert all("on another thread" in str(error) for error in errors)


def test_results_hold_beside_busy_threads() -> None:
    expected = train(3)
    stop = threading.Event()

    def spin() -> None:
        a = np.ones((200, 200))
        while not stop.is_set():
            a @ a

    spinners = [threading.Thread(target=spin) for _ in range(4)]
    for spinner in spinners:
        spinner.start()
    try:
        assert all(train(3) == expected for _ in range(5))
    finally:
        stop.set()
        for spinner in spinners:
            spinner.join()


def test_nothing_outside_changes() -> None:
    def outside() -> tuple[Any, ...]:
        handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        affinity = os.sched_getaffinity(0) if sys.platform == "linux" else None
        subnormal = np.float32(1e-40) * np.float32(1.0)
        return handlers, mask, affinity, dict(os.environ), np.geterr(), subnormal

    before = outside()
    train(0)
    assert outside() == before


def worker_signal_masks() -> list[int]:
    masks = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/status") as status:
            fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
        masks.append(int(fields["SigBlk"], 16))
    return masks


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_leave_signals_to_others() -> None:
    train(0)
    assert any(mask & (1 << signal.SIGINT - 1) for mask in worker_signal_masks())
