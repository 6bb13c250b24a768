"""Steps that are left out one after the other: a limit, and one warning."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.hashing import digest

import fastopt
from fastopt.step.skipping import SILENT

Array = NDArray[Any]

GOOD: dict[str, Array] = {"a": np.ones(2), "b": np.ones(1)}
BAD: dict[str, Array] = {"a": np.array([1.0, np.nan]), "b": np.array([np.inf])}
HUGE: dict[str, Array] = {"a": np.array([1.0, 1e200]), "b": np.ones(1)}  # finite: its square is not

KINDS: list[dict[str, Any]] = [{"nonfinite": "skip"}, {"loss_scale": "dynamic"}]


def make(**options: Any) -> fastopt.Optimizer:
    return fastopt.Adam({"a": np.ones(2), "b": np.ones(1)}, **options)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_limit(kind: dict[str, Any], backend: str) -> None:
    opt = make(max_consecutive_skips=3, zero_grads=True, backend=backend, **kind)
    for _ in range(2):
        for _ in range(3):
            assert not opt.step({name: g.copy() for name, g in BAD.items()})
        g = {name: g.copy() for name, g in BAD.items()}
        before = digest(opt, g, opt.grad_norm, opt.loss_scale)
        for _ in range(2):
            with pytest.raises(FloatingPointError) as caught:
                opt.step(g)
            assert str(caught.value) == (
                "4 steps in a row cannot be taken, and max_consecutive_skips is 3: the gradients of "
                "'a', 'b' are not finite. Nothing has been updated; "
                "opt.max_consecutive_skips = None goes on leaving steps out"
            )
            assert digest(opt, g, opt.grad_norm, opt.loss_scale) == before
        assert opt.step({name: g.copy() for name, g in GOOD.items()})  # and the row has ended
    assert (opt.skipped, opt.step_count) == (6, 2)


def test_good_steps_between_begin_the_row_anew(backend: str) -> None:
    opt = make(nonfinite="skip", max_consecutive_skips=1, backend=backend)
    for _ in range(30):
        assert not opt.step(BAD)
        assert opt.step(GOOD)
    assert opt.skipped == 30


def test_what_would_overflow_counts_too(backend: str) -> None:
    opt = make(nonfinite="skip", max_consecutive_skips=1, backend=backend)
    assert not opt.step(HUGE)
    with pytest.raises(FloatingPointError, match=r"2 steps in a row .* state 'v' of 'a' infinite"):
        opt.step(HUGE)
    with pytest.raises(FloatingPointError, match="gradient of 'b' is not finite"):
        opt.step({"a": None, "b": BAD["b"]})
    opt.max_consecutive_skips = None
    assert not opt.step(BAD)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_one_warning(kind: dict[str, Any], backend: str) -> None:
    opt = make(backend=backend, **kind)
    for _ in range(SILENT - 1):
        assert not opt.step(BAD)
    with pytest.warns(RuntimeWarning) as caught:
        assert not opt.step(BAD)
    assert [w.filename for w in caught] == [__file__]
    assert str(caught[0].message) == (
        "20 steps in a row have been left out, the last because the gradients of 'a', 'b' are not "
        "finite. max_consecutive_skips=100 makes the 101st an error, and nonfinite='raise' the first; "
        "warnings.filterwarnings('ignore', '.* steps in a row have been left out') silences this"
    )
    for _ in range(2 * SILENT):  # warnings are errors here
        assert not opt.step(BAD)
    assert opt.step(GOOD)
    for _ in range(2 * SILENT):
        assert not opt.step(BAD)
    assert opt.skipped == 5 * SILENT


def test_what_it_says_silences_it(backend: str) -> None:
    opt = make(nonfinite="skip", backend=backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(SILENT - 1):
            opt.step(BAD)
        with pytest.raises(RuntimeWarning) as caught:
            opt.step(BAD)
        filters = re.findall(r"warnings\.filterwarnings\('(\w+)', '(.*)'\)", str(caught.value))
        warnings.filterwarnings(*filters[0])
        again = make(nonfinite="skip", max_consecutive_skips=100, backend=backend)
        for _ in range(100):
            assert not again.step(BAD)
        with pytest.raises(FloatingPointError, match="101 steps in a row"):
            again.step(BAD)


def test_where_the_warning_is_an_error_the_optimizer_goes_on(backend: str) -> None:
    """It comes when all has been decided and counted: the step has been left out."""
    opt = make(loss_scale="dynamic", zero_grads=True, backend=backend)
    for k in range(SILENT):
        g = {name: each.copy() for name, each in BAD.items()}
        if k < SILENT - 1:
            opt.step(g)
            continue
        with pytest.raises(RuntimeWarning, match="20 steps in a row"):
            opt.step(g)
        assert not any([each.any() for each in g.values()])
    assert (opt.skipped, opt.loss_scale, opt.step_count) == (SILENT, 65536.0 * 0.5**SILENT, 0)
    assert opt.step({name: g.copy() for name, g in GOOD.items()})


def test_a_dynamic_scale_finds_its_value_without_a_word(backend: str) -> None:
    """From the largest start that float16 gradients ask for, down to what they bear."""
    p = np.ones(3, np.float32)
    opt = fastopt.SGD(p, loss_scale="dynamic", cast_grads=True, backend=backend)
    for _ in range(SILENT):
        with np.errstate(over="ignore"):
            opt.step((np.full(3, 6e4, np.float32) * np.float32(opt.loss_scale)).astype(np.float16))
    assert 10 <= opt.skipped < SILENT


def test_accumulation(backend: str) -> None:
    opt = make(
        nonfinite="skip", max_consecutive_skips=2, gradient_accumulation_steps=2, backend=backend
    )
    for _ in range(2):
        for g in (GOOD, BAD) * 2:
            assert not opt.accumulate(g)
        assert not opt.accumulate(GOOD)
        with pytest.raises(FloatingPointError, match="3 steps in a row"):
            opt.accumulate(BAD)
        assert not opt.accumulate(GOOD)  # the sum has begun again
        assert opt.accumulate(GOOD)
    assert (opt.skipped, opt.step_count) == (4, 2)


def test_fit_ends_with_the_error() -> None:
    x = np.full((40, 1), np.nan)
    params = {"w": np.ones(1)}
    opt = fastopt.SGD(params, nonfinite="skip", max_consecutive_skips=5)
    data = fastopt.Batches((x,), 4)
    with pytest.raises(FloatingPointError, match=r"6 steps in a row .* gradient of 'w'"):
        fastopt.fit(lambda w, x: (0.0, {"w": x.sum(0)}), params, opt, data, epochs=3)
    assert (opt.skipped, opt.step_count) == (5, 0)


def test_it_is_saved_and_goes_on(backend: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"nonfinite": "skip", "max_consecutive_skips": 3, "backend": backend}
    opt = make(**options)
    for _ in range(2):
        opt.step(BAD)
    opt.save(tmp_path / "state.npz", progress=False)
    loaded = fastopt.load(tmp_path / "state.npz", {"a": np.ones(2), "b": np.ones(1)}, progress=False)
    other = make(**options)
    other.load_state_dict(opt.state_dict())
    for each in (opt, loaded, other):
        assert each.max_consecutive_skips == 3
        assert not each.step(BAD)
        with pytest.raises(FloatingPointError, match="4 steps in a row"):
            each.step(BAD)


def test_a_state_without_it(backend: str) -> None:
    """Version 0.1 has not written how many there were in a row."""
    opt = make(nonfinite="skip", backend=backend)
    opt.step(BAD)
    state = opt.state_dict()
    del state["skipped_in_a_row"]
    opt.load_state_dict(state)
    assert opt.skipped == 1
    assert opt.state_dict()["skipped_in_a_row"] == 0
    with pytest.raises(ValueError, match="the number of steps left out in a row is -1"):
        opt.load_state_dict({**state, "skipped_in_a_row": -1})


def test_a_loaded_row_is_warned_of_at_the_next(backend: str) -> None:
    opt = make(nonfinite="skip", backend=backend)
    opt.load_state_dict({**opt.state_dict(), "skipped": 50, "skipped_in_a_row": 50})
    with pytest.warns(RuntimeWarning, match="51 steps in a row"):
        opt.step(BAD)


def test_it_needs_steps_that_are_left_out(backend: str) -> None:
    remedy = "set nonfinite='skip' before it, or max_consecutive_skips=None"
    with pytest.raises(ValueError, match=remedy):
        make(max_consecutive_skips=3, backend=backend)
    opt = make(nonfinite="skip", max_consecutive_skips=3, backend=backend)
    with pytest.raises(ValueError, match=remedy):
        opt.nonfinite = "propagate"
    assert opt.nonfinite == "skip"
    opt.max_consecutive_skips = None
    opt.nonfinite = "propagate"
    with pytest.raises(ValueError, match=remedy):
        opt.max_consecutive_skips = 3
    assert opt.max_consecutive_skips is None


def test_the_row_ends_where_steps_are_taken_whatever_comes(backend: str) -> None:
    opt = make(nonfinite="skip", backend=backend)
    for _ in range(SILENT - 1):
        opt.step(BAD)
    opt.nonfinite = "propagate"
    assert opt.step(GOOD)
    opt.nonfinite = "skip"
    assert not opt.step(BAD)
    assert opt.state_dict()["skipped_in_a_row"] == 1


def test_a_config_has_the_limit(backend: str) -> None:
    opt = make(nonfinite="skip", max_consecutive_skips=7, backend=backend)
    config = opt.get_config()
    assert config["settings"] == {"nonfinite": "skip", "max_consecutive_skips": 7}
    assert fastopt.Adam.from_config(config, opt.params).max_consecutive_skips == 7
