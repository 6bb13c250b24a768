"""Threads of one process: an optimizer each, and all of them at the same one."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import fastopt

SMALL, LARGE = 500, 300_000  # elements: one thread's work, and enough for two
THREADS = 8
STEPS = {SMALL: 1250, LARGE: 25}  # for each thread


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = fastopt.get_num_threads()
    fastopt.set_num_threads(2)
    yield
    fastopt.set_num_threads(before)


def together(*works: Callable[[], object]) -> None:
    """Begin at the same moment, and raise what any of them does."""
    begin, errors = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        begin.wait()
        try:
            work()
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=run, args=(work,)) for work in works]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for error in errors:
        raise error


def train(seed: int, size: int, **options: Any) -> bytes:
    rng = np.random.default_rng(seed)
    p, g = rng.standard_normal((2, size)).astype(np.float32)
    opt = fastopt.Adam(p, lr=0.01, **options)
    for k in range(STEPS[size]):
        opt.step(g)
        np.negative(g, out=g, where=k % 3 == 0)
    final: bytes = p.tobytes()
    return final


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 1.0, "ema": 0.9}])
def test_an_optimizer_each(size: int, options: dict[str, Any]) -> None:
    """10,000 concurrent steps of small arrays, as in one thread after the other; and of large ones."""
    found: dict[int, bytes] = {}

    def work(seed: int) -> None:
        found[seed] = train(seed, size, **options)

    together(*[partial(work, seed) for seed in range(THREADS)])
    assert [found[seed] for seed in range(THREADS)] == [
        train(seed, size, **options) for seed in range(THREADS)
    ]


# All of them at one optimizer: what comes in the middle of a step is refused, and has done nothing.


class Busy:
    """An optimizer in the middle of a step on another thread, for as long as it is wanted."""

    def __init__(self, **options: Any) -> None:
        self.waits, self.goes_on = threading.Event(), threading.Event()
        self.p = np.ones(5, np.float32)
        self.opt = fastopt.Adam({"w": self.p}, lr=self._wait, **options)

    def _wait(self, step: int) -> float:
        """Be the learning rate, which a step asks for."""
        if threading.current_thread() is not threading.main_thread():
            self.waits.set()
            assert self.goes_on.wait(60)
        return 0.1

    def __enter__(self) -> fastopt.Adam:
        self.worker = threading.Thread(target=self.opt.step, args=({"w": np.ones(5, np.float32)},))
        self.worker.start()
        assert self.waits.wait(60)
        return self.opt

    def __exit__(self, *error: object) -> None:
        self.goes_on.set()
        self.worker.join()


GRADS = {"w": np.ones(5, np.float32)}
REFUSED: dict[str, Callable[[Any], object]] = {
    "step": lambda opt: opt.step(GRADS),
    "accumulate": lambda opt: opt.accumulate(GRADS),
    "flush": lambda opt: opt.flush(),
    "state_dict": lambda opt: opt.state_dict(),
    "load_state_dict": lambda opt: opt.load_state_dict({}),
    "save": lambda opt: opt.save("nowhere.npz"),
    "add_params": lambda opt: opt.add_params({"b": np.ones(2, np.float32)}),
    "remove_params": lambda opt: opt.remove_params("w"),
    "freeze": lambda opt: opt.freeze("w"),
    "unfreeze": lambda opt: opt.unfreeze("w"),
    "lr": lambda opt: setattr(opt, "lr", 0.5),
    "amsgrad": lambda opt: setattr(opt, "amsgrad", True),
    "group": lambda opt: opt.groups[0].update(lr=0.5),
    "multiply": lambda opt: opt.groups[0].update(multiply={"lr": 0.5}),
    "setting": lambda opt: setattr(opt, "global_clipnorm", 0.5),
    "averaged": lambda opt: opt.averaged().__enter__(),
    "perturbed": lambda opt: opt.perturbed(GRADS).__enter__(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_in_the_middle_of_a_step(name: str) -> None:
    """Whatever it is: RuntimeError, and the step is the one that it would have been."""
    alone = Busy(ema=0.9)
    alone.goes_on.set()
    alone.opt.step(GRADS)
    busy = Busy(ema=0.9)
    with busy as opt, pytest.raises(RuntimeError, match="in the middle of a step on another thread"):
        REFUSED[name](opt)
    assert busy.p.tobytes() == alone.p.tobytes()
    assert opt.step_count == 1
    assert repr(opt.groups) == repr(alone.opt.groups).replace(repr(alone._wait), repr(busy._wait))
    assert opt.frozen == []
    opt.step(GRADS)  # and it is free again
    opt.lr = 0.5
    assert opt.lr == 0.5


def test_the_message_says_what_to_do() -> None:
    with Busy() as opt, pytest.raises(RuntimeError, match=r"opt\.before_step\(f\) calls f there"):
        opt.lr = 0.5


def test_values_can_change_where_a_block_has_moved_the_parameters() -> None:
    opt = fastopt.SGD(np.ones(3), lr=0.1, momentum=0.9, ema=0.5)
    opt.step(np.ones(3))
    with opt.averaged():
        opt.lr = 0.2
    with opt.at_nesterov_point():
        opt.groups[0]["lr"] = 0.3
        opt.global_clipnorm = 1.0
    assert (opt.lr, opt.global_clipnorm) == (0.3, 1.0)
    opt.step(np.ones(3))


def test_a_value_that_is_refused_holds_nothing() -> None:
    opt = fastopt.SGD(np.ones(3), lr=0.1)
    for change in (
        lambda: setattr(opt, "lr", -1.0),
        lambda: opt.groups[0].update(lr=-1.0),
        lambda: setattr(opt, "global_clipnorm", -1.0),
        lambda: opt.freeze("nothing of that name"),
    ):
        with pytest.raises(ValueError, match=r"."):
            change()
    opt.step(np.ones(3))


@pytest.mark.parametrize("size", [SMALL, 20 * LARGE])
def test_steps_and_changes_at_once(size: int) -> None:
    """Each of them is whole or refused: every step had the same learning rate for all groups."""
    a, b, g = np.zeros(size, np.float32), np.zeros(size, np.float32), np.ones(size, np.float32)
    opt = fastopt.SGD([{"params": [a]}, {"params": [b]}], lr=1.0)
    refused, stop = list[str](), threading.Event()

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except RuntimeError as error:
            refused.append(str(error))

    def step() -> None:
        for _ in range(20 if size > LARGE else 2000):
            guarded(lambda: opt.step([[g], [g]]))
        stop.set()

    def change() -> None:
        k = 0
        while not stop.is_set():
            k += 1
            guarded(partial(setattr, opt, "lr", float(k % 7)))

    together(step, change, change)
    assert all("in the middle of a step on another thread" in text for text in refused)
    assert (a == a[0]).all()
    assert a.tobytes() == b.tobytes()
