"""Forks, threads, and what else shares the process."""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import fastopt

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
def test_processes_after_a_step(start: str) -> None:
    expected = [train(seed) for seed in range(2)]
    with ProcessPoolExecutor(2, multiprocessing.get_context(start)) as pool:
        assert list(pool.map(train, range(2), timeout=120)) == expected


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


def test_many_threads_with_an_optimizer_each() -> None:
    expected = [train(seed, 20, 300_000) for seed in range(8)]
    found: list[bytes] = [b""] * 8

    def work(seed: int) -> None:
        found[seed] = train(seed, 20, 300_000)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == expected


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


def test_a_signal_during_a_step_is_delivered_after_it() -> None:
    p, g = np.zeros(10 * LARGE, np.float32), np.ones(10 * LARGE, np.float32)
    opt = fastopt.Adam(p)
    opt.step(g)
    # A shell lets what it runs in the background ignore this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.005, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - in whichever step it arrives
        while True:
            opt.step(g)
    signal.signal(signal.SIGINT, before)
    assert (p == p[0]).all()
    assert all((array == array[0]).all() for array in opt.state["params"].values())
