"""Two optimizers of the same memory: while one has moved its parameters, no step of another is lost."""

import gc
import re
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model.test_interrupts import interrupted

import fastopt
from fastopt.step import living, sharing

Block = Callable[[], AbstractContextManager[None]]
ONES = np.ones(4)


def eval_mode(w: Any) -> tuple[Any, Block]:
    opt = fastopt.SGDScheduleFree({"w": w}, lr=0.5)

    @contextmanager
    def block() -> Any:
        opt.eval()
        try:
            yield
        finally:
            opt.train()

    return opt, block


def averaged(w: Any) -> tuple[Any, Block]:
    opt = fastopt.SGD({"w": w}, lr=0.5, ema=0.5)
    return opt, opt.averaged


def averaged_schedule_free(w: Any) -> tuple[Any, Block]:
    opt = fastopt.AdamWScheduleFree({"w": w}, lr=0.5)
    return opt, opt.averaged


def perturbed(w: Any) -> tuple[Any, Block]:
    opt = fastopt.SGD({"w": w}, lr=0.5)
    return opt, lambda: opt.perturbed({"w": ONES}, rho=0.5)


def lookahead(w: Any) -> tuple[Any, Block]:
    opt = fastopt.SGD({"w": w}, lr=0.5, momentum=0.5)
    return opt, opt.at_nesterov_point


MOVES: dict[str, tuple[Callable[[Any], tuple[Any, Block]], str]] = {
    "eval": (eval_mode, "is in eval mode: call its train() first"),
    "averaged": (averaged, "has its averages in the parameters: take the step after the with block"),
    "averaged schedule-free": (
        averaged_schedule_free,
        "has its averages in the parameters: take the step after the with block",
    ),
    "perturbed": (perturbed, "has its parameters perturbed: take the step after the with block"),
    "lookahead": (lookahead, "looks ahead: take the step after the with block"),
}

moves = pytest.mark.parametrize("move", MOVES)


def made(move: str, w: Any) -> tuple[Any, Block, str]:
    make, doing = MOVES[move]
    opt, block = make(w)
    for _ in range(2):
        opt.step({"w": ONES})
    return opt, block, doing


@moves
def test_a_step_that_would_be_lost_is_an_error(move: str, backend: str) -> None:
    w = np.zeros(4)
    opt, block, doing = made(move, w)
    other = fastopt.SGD([w], lr=1.0, backend=backend)
    before = w.tobytes()
    words = f"^this optimizer shares '0' with an optimizer that {re.escape(doing)}$"
    with block():
        inside = w.tobytes()
        assert inside != before
        for act in (other.step, other.accumulate):
            with pytest.raises(RuntimeError, match=words):
                act([ONES])
        for change in (other.state_dict, other.close, lambda: other.add_params(np.ones(1))):
            with pytest.raises(RuntimeError, match=words):
                change()
        other.lr = 2.0  # which moves nothing
        assert w.tobytes() == inside
    assert w.tobytes() == before
    was = w.copy()
    other.step([ONES])
    assert (w == was - 2.0).all()
    opt.step({"w": ONES})


@moves
def test_the_roles_reversed(move: str) -> None:
    """The one that moves finds the other in the middle, and neither is stuck."""
    w = np.zeros(4)
    opt, block, _ = made(move, w)
    free = fastopt.SGDScheduleFree([w], lr=0.5)
    free.step([ONES])
    free.eval()
    before = w.tobytes()
    words = "^this optimizer shares 'w' with an optimizer that is in eval mode: call its train"
    with pytest.raises(RuntimeError, match=words), block():
        pass
    assert w.tobytes() == before
    free.train()
    with block():
        with pytest.raises(RuntimeError, match=r"^this optimizer shares '0' with an optimizer that "):
            free.eval()
        with pytest.raises(RuntimeError, match="shares '0'"), free.averaged():
            pass
    free.eval()
    free.train()
    opt.step({"w": ONES})
    free.step([ONES])


def part_of(w: Any) -> list[Any]:
    return [w[1:3]]


def another_shape(w: Any) -> list[Any]:
    return [w.reshape(2, 2)]


def another_dtype(w: Any) -> list[Any]:
    return [w.view(np.float32)]


def from_buffer(w: Any) -> list[Any]:
    return [np.frombuffer(w.data, np.float64)[3:]]


def among_others(w: Any) -> list[Any]:
    return [np.ones(5), w[:1], np.ones((3, 3), np.float32), np.zeros((0, 2))]


@moves
@pytest.mark.parametrize("view", [part_of, another_shape, another_dtype, from_buffer, among_others])
def test_views_of_the_same_memory(view: Callable[[Any], list[Any]], move: str) -> None:
    w = np.zeros(4)
    _, block, _ = made(move, w)
    params = view(w)
    other = fastopt.SGD(params)
    grads = [np.ones_like(p) for p in params]
    with block(), pytest.raises(RuntimeError, match=r"shares '\d' with an optimizer that "):
        other.step(grads)
    other.step(grads)


@moves
def test_neighbours_in_one_buffer_have_nothing_to_do_with_it(move: str) -> None:
    buffer = np.zeros(20)
    w = buffer[8:12]
    _, block, _ = made(move, w)
    others = [
        fastopt.SGD([buffer[4:8], buffer[12:16]]),
        fastopt.SGD([buffer[:4]]),
        fastopt.SGD([buffer[8:8], buffer[16:]]),
    ]
    with block():
        inside = w.tobytes()
        for other in others:
            other.step([np.ones_like(p) for p in other.params])
        assert w.tobytes() == inside


def test_two_networks_that_are_trained_in_turns() -> None:
    """A GAN with sharpness-aware minimization: one steps where the other is perturbed."""
    g, d = {"w": np.ones(4), "b": np.ones(2)}, {"w": np.ones(4), "b": np.ones(2)}
    first, second = fastopt.Adam(g), fastopt.Adam(d, ema=0.9)
    for _ in range(3):
        with first.perturbed({"w": ONES, "b": np.ones(2)}):
            second.step({"w": ONES, "b": np.ones(2)})
        first.step({"w": ONES, "b": np.ones(2)})
        with second.averaged(), first.perturbed({"w": ONES, "b": np.ones(2)}):
            pass


def test_three_optimizers() -> None:
    x, y = np.zeros(4), np.zeros(4)
    both = fastopt.SGD({"x": x, "y": y}, lr=1.0)
    one, two = (fastopt.SGDScheduleFree([p], lr=0.5) for p in (x, y))
    for each in (one, two):
        each.step([ONES])
    one.eval()
    words = r"^this optimizer shares 'x' with an optimizer that is in eval mode"
    with pytest.raises(RuntimeError, match=words):
        both.step({"x": ONES, "y": ONES})
    two.step([ONES])  # it has nothing to do with `one`
    with pytest.raises(RuntimeError, match=r"shares '0' with an optimizer that shares 'x' with an opt"):
        two.eval()
    one.train()
    two.eval()
    two.train()
    both.step({"x": ONES, "y": ONES})


def test_those_that_were_taken_before_one_was_found_busy_are_given_back() -> None:
    x, y = np.zeros(4), np.zeros(4)
    both = fastopt.SGDScheduleFree({"x": x, "y": y}, lr=0.5)
    one, two = fastopt.SGD([x]), fastopt.SGDScheduleFree([y])
    for opt, g in ((both, {"x": ONES, "y": ONES}), (one, [ONES]), (two, [ONES])):
        opt.step(g)
    two.eval()
    with pytest.raises(
        RuntimeError, match=r"^this optimizer shares 'y' with an optimizer that is in eval"
    ):
        both.eval()
    one.step([ONES])
    two.train()
    both.eval()
    with pytest.raises(RuntimeError, match="shares '0'"):
        one.step([ONES])
    both.train()


# Made, or given parameters, meanwhile.


@moves
def test_none_is_made_of_parameters_that_are_elsewhere(move: str) -> None:
    w = np.zeros(4)
    _, block, doing = made(move, w)
    half = np.zeros(4, np.float16)
    what, remedy = doing.split(": ")
    words = f"parameter 'x' shares memory with an optimizer that {what}, and is elsewhere .*: "
    words += re.escape(remedy.replace("take the step", "do this")) + "$"
    later = fastopt.Adam({"y": np.ones(3)}, ema=0.9)
    with block():
        with pytest.raises(RuntimeError, match=words):
            fastopt.Adam({"x": w}, cast_to={"x": half})
        with pytest.raises(RuntimeError, match=words):
            later.add_params({"x": w[2:]})
        assert not half.any()
        assert list(later.params) == later.names == ["y"]
        fastopt.Adam({"x": np.ones(3)})
    opt = fastopt.Adam({"x": w}, cast_to={"x": half})
    opt.step({"x": ONES})
    later.add_params({"x": w[2:]})
    later.step({"y": np.ones(3), "x": np.ones(2)})


def test_none_is_loaded_into_parameters_that_are_elsewhere(tmp_path: Path) -> None:
    w = np.zeros(4)
    opt, block, _ = made("eval", w)
    other = fastopt.Adam([w])
    other.save(tmp_path / "x.npz", params=True, progress=False)
    state = other.state_dict()
    with block():
        inside = w.tobytes()
        loads: list[Callable[[], object]] = [
            lambda: other.load(tmp_path / "x.npz", progress=False),
            lambda: other.load_state_dict(state),
            lambda: fastopt.load(tmp_path / "x.npz", [w], progress=False),
            lambda: fastopt.from_config(other.get_config(), [w]),
        ]
        for load in loads:
            with pytest.raises(RuntimeError, match="an optimizer that is in eval mode"):
                load()
        assert w.tobytes() == inside
    other.load(tmp_path / "x.npz", progress=False)
    assert opt.step_count == 2


@moves
def test_added_and_removed_parameters(move: str) -> None:
    w = np.zeros(4)
    _, block, _ = made(move, w)
    other = fastopt.SGD({"y": np.ones(2)})
    with block():
        other.step({"y": np.ones(2)})
    other.add_params({"x": w})
    with block(), pytest.raises(RuntimeError, match="shares 'x'"):
        other.step({"y": np.ones(2), "x": ONES})
    other.freeze("x")  # which may be undone at any time
    with block(), pytest.raises(RuntimeError, match="shares 'x'"):
        other.step({"y": np.ones(2), "x": ONES})
    other.remove_params("x")
    with block():
        other.step({"y": np.ones(2)})


# Those that are closed, or gone.


@moves
def test_closed_ones_and_those_that_are_gone_do_not_matter(move: str) -> None:
    w = np.zeros(4)
    opt, block, _ = made(move, w)
    closed = fastopt.Adam([w])
    closed.close()
    gone = fastopt.Adam([w])
    del gone
    with block():
        with pytest.raises(RuntimeError, match="is closed"):
            closed.step([ONES])
        closed.state_dict()
    opt.close()
    fastopt.Adam([w]).step([ONES])


@pytest.mark.parametrize("in_a_cycle", [False, True])
def test_one_that_goes_in_eval_mode_lets_the_others_go(in_a_cycle: bool) -> None:
    w = np.zeros(4)
    other = fastopt.SGD([w], lr=1.0)
    opt: Any = fastopt.SGDScheduleFree([w])
    opt.step([ONES])
    opt.eval()
    with pytest.raises(RuntimeError, match="in eval mode"):
        other.step([ONES])
    if in_a_cycle:
        opt._before.append([opt])
    del opt
    gc.collect()
    other.step([ONES])
    fastopt.SGD([w]).step([ONES])
    assert not other._core.gate.free[1:]


def test_nothing_is_remembered_of_those_that_are_gone() -> None:
    gc.collect()
    before = len(living._alive), len(sharing._moves)
    for _ in range(10):
        opt = fastopt.SGDScheduleFree([np.zeros(4)], ema=0.5)
        with opt.perturbed([ONES]):
            pass
        opt.eval()
    del opt
    gc.collect()
    assert (len(living._alive), len(sharing._moves)) == before


def test_optimizers_that_compare_as_they_like() -> None:
    class Mine(fastopt.SGD):
        def __eq__(self, other: object) -> bool:
            return True

    w = np.zeros(4)
    one, two = Mine([w], momentum=0.5), Mine([w])
    assert not isinstance(Mine.__hash__, Callable)  # type: ignore[arg-type]
    one.step([ONES])
    with one.at_nesterov_point(), pytest.raises(RuntimeError, match="looks ahead"):
        two.step([ONES])
    two.step([ONES])


# Threads.


def test_one_that_is_in_the_middle_of_a_step() -> None:
    w = np.zeros(4)
    opt, block, _ = made("perturbed", w)
    inside, go_on = threading.Event(), threading.Event()

    def rate(step: int) -> float:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            assert go_on.wait(60)
        return 1.0

    other = fastopt.SGD([w], lr=rate)
    thread = threading.Thread(target=other.step, args=([ONES],))
    thread.start()
    assert inside.wait(60)
    words = "^this optimizer shares 'w' with an optimizer that is in the middle of a step"
    with pytest.raises(RuntimeError, match=words), block():
        pass
    go_on.set()
    thread.join()
    with block():
        pass
    opt.step({"w": ONES})


def test_many_threads_lose_no_step_and_no_token() -> None:
    """Each either steps or moves; whoever finds another in the way tries again."""
    w = np.zeros(64)
    ones = np.ones(64)
    opts = [fastopt.SGD([w], lr=1.0, momentum=0.0) for _ in range(2)]
    movers = [fastopt.SGD([w], lr=1.0) for _ in range(2)]
    taken = [0] * len(opts)
    errors: list[BaseException] = []

    def step(k: int) -> None:
        while taken[k] < 200:
            try:
                with lock:
                    opts[k].step([ones])  # alone: two steps at once on one array are the caller's
                    taken[k] += 1
            except RuntimeError:
                continue

    def move(k: int) -> None:
        try:
            while sum(taken) < 400:
                try:
                    with movers[k].perturbed([ones], rho=1.0):
                        pass
                except RuntimeError:
                    continue
        except BaseException as error:
            errors.append(error)

    lock = threading.Lock()
    threads = [threading.Thread(target=f, args=(k,)) for f in (step, move) for k in range(2)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not errors
    assert (w == -400.0).all()
    assert [opt._core.gate.free for opt in (*opts, *movers)] == [[True]] * 4


# Signals.


@moves
def test_wherever_a_handler_raises_nobody_is_held_for_ever(move: str) -> None:
    if fastopt.build_info()["backend"] != "native":
        pytest.skip("parameters are given back in Python, which can be interrupted")
    with made(move, np.zeros(4))[1]():
        pass  # what it imports is there then
    gc.collect()
    gc.freeze()
    try:
        for place in count(1):
            w = np.zeros(4)
            opt, block, _ = made(move, w)
            others = [fastopt.SGD([w], lr=1.0), fastopt.SGD([w[:2]], lr=1.0)]
            before = w.tobytes()

            def look(block: Block = block) -> None:
                with block():
                    pass

            if not interrupted(look, place):
                break
            gc.collect()  # a with block that was not left is left now
            if move == "eval":
                opt.train()  # which the handler may have kept from its end
            assert w.tobytes() == before, place
            assert [each._core.gate.free for each in (opt, *others)] == [[True]] * 3, place
            for each in others:
                each.step([np.ones_like(p) for p in each.params])
            opt.step({"w": ONES})
            fastopt.SGD([w])
        assert place > 20
    finally:
        gc.unfreeze()
