"""What else lives in the process: imported before or after, used beside a step, and left as it is."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.import_orders import ORDERS, hashes, program

import fastopt

Run = Callable[..., str]
SIZE = 300_000


def train(seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(SIZE).astype(np.float32)
    opt = fastopt.Adam(p, global_clipnorm=10.0)
    for _ in range(20):
        opt.step(rng.standard_normal(SIZE, np.float32))
    return p.tobytes()


@contextmanager
def busy(work: Callable[[], object]) -> Iterator[None]:
    """Have two threads do it again and again."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            work()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def blas() -> Callable[[], object]:
    a = np.ones((300, 300))
    return lambda: a @ a


def kmeans() -> Callable[[], object]:
    cluster = pytest.importorskip("sklearn.cluster")
    x = np.random.default_rng(0).random((1000, 5))
    return lambda: cluster.KMeans(3, n_init=1, random_state=0).fit(x)


@pytest.mark.parametrize("neighbour", [blas, kmeans])
def test_results_hold_beside_busy_neighbours(neighbour: Callable[[], Callable[[], object]]) -> None:
    expected, work = train(), neighbour()
    work()
    with busy(work):
        assert [train() for _ in range(3)] == [expected] * 3


# The rest of the orders are in tests/oracles/test_import_orders.py.
SAMPLE = [(("torch", "fastopt", "numba", "sklearn.cluster"), "fork"), (("fastopt", "numba"), "spawn")]


@pytest.mark.parametrize(("order", "start"), SAMPLE)
def test_import_orders(order: tuple[str, ...], start: str, tmp_path: Path) -> None:
    """The same hash in any company; nothing outside changes by the import, nor by a step."""
    for name in order:
        pytest.importorskip(name)
    alone = run_program(tmp_path, ("fastopt",), "spawn")
    assert run_program(tmp_path, order, start) == alone


def run_program(folder: Path, order: tuple[str, ...], start: str) -> set[str]:
    (folder / "program.py").write_text(program(order, start))
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, str(folder / "program.py")],
        env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = hashes(done.stdout)
    assert len(found) == 1
    return found


def test_there_are_six_orders_of_three_and_four_places() -> None:
    assert len(set(ORDERS)) == 24


def test_threadpoolctl(run_python: Run) -> None:
    pytest.importorskip("threadpoolctl", minversion="3.5")
    script = """
        import fastopt, threadpoolctl
        from threadpoolctl import threadpool_info, threadpool_limits

        def ours():
            return [pool for pool in threadpool_info() if pool["user_api"] == "fastopt"]

        fastopt.set_num_threads(5)
        assert not ours()
        fastopt.register_with_threadpoolctl()
        fastopt.register_with_threadpoolctl()
        (pool,) = ours()
        assert pool["num_threads"] == 5
        assert pool["version"] == fastopt.build_info()["version"]
        with threadpool_limits(limits=1):
            assert fastopt.get_num_threads() == 1
            assert all(pool["num_threads"] == 1 for pool in threadpool_info())
        assert fastopt.get_num_threads() == 5
        with threadpool_limits(limits=1, user_api="blas"):
            assert fastopt.get_num_threads() == 5
        with threadpool_limits(limits={"fastopt": 3}):
            assert fastopt.get_num_threads() == 3
        for odd, taken in ((1000, 256), (0, 1)):
            with threadpool_limits(limits={"fastopt": odd}):
                assert fastopt.get_num_threads() == taken
        print("done")
    """
    assert run_python(script) == "done"


def test_threadpoolctl_is_not_imported(run_python: Run) -> None:
    script = "import fastopt, sys; fastopt.get_num_threads(); print('threadpoolctl' in sys.modules)"
    assert run_python(script) == "False"


@pytest.mark.parametrize(
    ("hidden", "words"),
    [("threadpoolctl", "pip install"), ("fastopt._native", "without the compiled extension")],
)
def test_threadpoolctl_without_what_it_takes(hidden: str, words: str, run_python: Run) -> None:
    script = f"""
        import sys
        sys.modules[{hidden!r}] = None
        import fastopt
        try:
            fastopt.register_with_threadpoolctl()
        except ImportError as error:
            print(error)
    """
    assert words in run_python(script)


def test_nothing_is_changed_for_good(run_python: Run) -> None:
    """The interpreter's own settings, by a step on every backend that does not take long."""
    script = """
        import faulthandler, gc, sys, threading
        import numpy as np

        def outside():
            return (faulthandler.is_enabled(), gc.get_threshold(), sys.getrecursionlimit(),
                    threading.excepthook, sys.excepthook, sys.displayhook, threading.stack_size(),
                    np.get_printoptions(), np.geterrcall(), sys.gettrace(), sys.getprofile())

        before = outside()
        import fastopt
        for backend in ("native", "numpy"):
            p = np.ones(1_000_000, np.float32)
            fastopt.Adam(p, backend=backend, ema=0.9, stats=True).step(p.copy())
        assert outside() == before
        print("done")
    """
    assert run_python(script) == "done"
