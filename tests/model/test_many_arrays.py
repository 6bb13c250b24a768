"""Thousands of small arrays: time grows in proportion to their number."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.arrays.extents import Written
from fastopt.model.patterns import matches

Adam: Any = fastopt.Adam

FEW, MANY = 1_000, 8_000
MOST = 2.0  # times as long as in proportion: caches hold the few; what is quadratic takes 8 times


def model(count: int) -> dict[str, Any]:
    """Return arrays by the names ``0.bias``, ``0.w``, ``1.bias``, ..."""
    names = (f"{i // 2}.{'w' if i % 2 else 'bias'}" for i in range(count))
    return {name: np.zeros(8, np.float32) for name in names}


def groups_of_one(count: int) -> list[dict[str, Any]]:
    """Return a list of groups that have an array each."""
    return [{"params": array, "lr": 1e-3} for array in model(count).values()]


def gradients(count: int) -> dict[str, Any]:
    """Return a gradient for each parameter of a model."""
    return {name: np.ones(8, np.float32) for name in model(count)}


def make(count: int, **options: Any) -> Callable[[], object]:
    params = model(count)
    return lambda: Adam(params, **options)


def by_pattern(count: int) -> Callable[[], object]:
    groups = {"*.bias": {"weight_decay": 0.0}, **fastopt.no_decay, "1*": {"lr": 1e-4}, "*.w": {}}
    return make(count, groups=groups)


def by_name(count: int) -> Callable[[], object]:
    return make(count, groups={name: {"lr": 1e-4 * (i + 1)} for i, name in enumerate(model(count))})


def load(count: int) -> Callable[[], object]:
    opt = Adam(model(count))
    state = Adam({f"x.{name}": array for name, array in model(count).items()}).state_dict()

    def loaded() -> None:
        found = opt.load_state_dict(state, strict=False, hyperparameters=False)
        assert len(found.missing) >= count

    return loaded


def config(count: int) -> Callable[[], object]:
    opt = Adam(groups_of_one(count))
    return lambda: opt.get_config()


def refuse(count: int) -> Callable[[], object]:
    opt, grads = Adam(model(count)), gradients(count)
    grads[next(reversed(grads))] = np.ones(7, np.float32)

    def refused() -> None:
        with pytest.raises(ValueError, match="has shape"):
            opt.step(grads)

    return refused


def report(count: int) -> Callable[[], object]:
    opt, grads = Adam(groups_of_one(count), stats=True), list(gradients(count).values())
    return lambda: opt.step(grads)


def leave_and_come(count: int) -> Callable[[], object]:
    opt = Adam(list(model(count).values()))

    def change() -> None:
        opt.add_params([np.zeros(3)])
        opt.remove_params(str(count))

    return change


OPERATIONS = {
    "make": make,
    "groups by pattern": by_pattern,
    "groups by name": by_name,
    "list of groups": lambda count: lambda: Adam(groups_of_one(count)),
    "averages": lambda count: make(count, ema=0.9, lookahead_steps=5),
    "numpy": lambda count: make(count, backend="numpy"),
    "load": load,
    "config": config,
    "refuse": refuse,
    "report": report,
    "add and remove": leave_and_come,
}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the garbage collector, which looks at all that other tests have left, out of the times."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(operation: Callable[[], object], times: int = 2) -> float:
    """Return the least processor time of some calls."""
    found = []
    for _ in range(times):
        begin = time.process_time()
        operation()
        found.append(time.process_time() - begin)
    return min(found)


@pytest.mark.parametrize("name", OPERATIONS)
def test_time_is_in_proportion(name: str) -> None:
    prepare = OPERATIONS[name]
    ratio = 0.0
    for _ in range(3):  # a busy machine makes it longer, never shorter
        with quiet():
            ratio = seconds(prepare(MANY)) / seconds(prepare(FEW))
        if ratio <= MOST * MANY / FEW:
            return
    raise AssertionError(f"{MANY // FEW} times the arrays take {ratio:.1f} times as long")


def test_a_pattern_means_what_it_meant() -> None:
    from fnmatch import fnmatchcase

    names = ["bias", "a.bias", "a.w", "a[0]", "A.w", "a.b.w", "", "x\ny"]
    arrays = [np.zeros(1)] * len(names)
    numbers = {name: i for i, name in enumerate(names)}
    for which in (
        "*",
        "*.bias",
        "a.?",
        "[aA].w",
        "a[0]",
        "a[[]0]",
        "a.w",
        "bias",
        "x*y",
        "*.w",
        "!",
        "[!a]*",
    ):
        both = [which, which.removeprefix("*.")] if which not in names else []  # a name means itself
        wanted = [i for i, name in enumerate(names) if any(fnmatchcase(name, p) for p in both)]
        wanted += [numbers[which]] if which in names else []
        assert matches(which, names, arrays, "", numbers) == wanted, which


def test_gradients_are_apart_from_what_lies_near() -> None:
    memory = np.zeros(100, np.float32)
    written = Written(
        [("a", memory[:10]), ("b", memory[20:30]), ("c", memory[30:40]), ("none", memory[:0])]
    )
    for begin in range(60):
        for length in (0, 1, 3, 11, 25):
            g = memory[begin : begin + length]
            over = [
                n for n, a in (("a", 0), ("b", 20), ("c", 30)) if begin < a + 10 and begin + length > a
            ]
            if length == 0 or not over:
                written.check_apart(g, "g")
            else:
                with pytest.raises(ValueError, match=f"g shares memory with {over[0]},"):
                    written.check_apart(g, "g")
    written.check_apart(memory[10:50:40], "g")  # reaches across b and c
    with pytest.raises(ValueError, match="shares memory with b"):
        written.check_apart(memory[10:60:10], "g")


def test_counts_that_are_alike_are_joined_when_parameters_come() -> None:
    params = model(50)
    opt = Adam(params)
    opt.step(gradients(50))
    opt.add_params({"new": np.zeros(8, np.float32), "newer": np.zeros(8, np.float32)})
    assert len(opt._core.bound.counts) == 2
    opt.step({**gradients(50), "new": np.ones(8, np.float32), "newer": np.ones(8, np.float32)})
    assert [opt.state_dict()["parameters"][name]["steps"] for name in ("0.w", "new")] == [2, 1]
    opt.remove_params("new*")
    assert len(opt._core.bound.counts) == 1
