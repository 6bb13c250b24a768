"""flush, weights of accumulate, and step while sums wait: no gradient is left behind without a word."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.by_hand import gradients, model

import fastopt


def adding(backend: str, k: int = 4, **options: Any) -> tuple[Any, fastopt.SGD]:
    p = np.zeros(2, options.pop("dtype", np.float64))
    return p, fastopt.SGD(p, lr=1.0, gradient_accumulation_steps=k, backend=backend, **options)


def full(opt: Any, value: float) -> Any:
    return np.full(2, value, opt.params.dtype)


# flush.


def test_flush_takes_the_step_with_what_waits(backend: str) -> None:
    p, opt = adding(backend)
    for value in (1.0, 2.0, 6.0):
        assert not opt.accumulate(full(opt, value))
    assert opt.flush() is True
    assert (p.tolist(), opt.step_count) == ([-3.0, -3.0], 1)
    assert opt.flush() is False
    assert (p.tolist(), opt.step_count) == ([-3.0, -3.0], 1)
    assert [opt.accumulate(full(opt, 4.0)) for _ in range(4)] == [False, False, False, True]
    assert p.tolist() == [-7.0, -7.0]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_flush_has_the_bits_of_accumulation_over_as_many(k: int, backend: str) -> None:
    options: dict[str, Any] = {"momentum": 0.9, "global_clipnorm": 0.5, "ema": 0.9, "weight_decay": 0.1}
    p, q = model(np.float32), model(np.float32)
    ours = fastopt.SGD(p, gradient_accumulation_steps=7, backend=backend, **options)
    twin = fastopt.SGD(q, gradient_accumulation_steps=k, backend=backend, **options)
    for step in range(3):
        for call in range(k):
            assert not ours.accumulate(gradients(np.float32, 10 * step + call))
            twin.accumulate(gradients(np.float32, 10 * step + call))
        assert ours.flush()
        assert [a.tobytes() for a in p.values()] == [a.tobytes() for a in q.values()]
        assert [a.tobytes() for a in ours.ema_state.values()] == [
            a.tobytes() for a in twin.ema_state.values()
        ]


def test_flush_without_sums(backend: str) -> None:
    p, opt = adding(backend)
    assert opt.flush() is False
    opt.step(full(opt, 1.0))
    assert opt.flush() is False
    assert p.tolist() == [-1.0, -1.0]
    plain = fastopt.Adam(np.zeros(2), backend=backend)
    assert plain.flush() is False


def test_flush_calls_the_hooks_of_a_step(backend: str) -> None:
    _, opt = adding(backend)
    seen: list[str] = []
    opt.before_step(lambda o: seen.append("before"))
    opt.after_step(lambda o: seen.append("after"))
    opt.flush()
    assert seen == []
    opt.accumulate(full(opt, 1.0))
    opt.flush()
    assert seen == ["before", "after"]


def test_flush_follows_schedules_and_changes(backend: str) -> None:
    p, opt = adding(backend)
    opt.accumulate(full(opt, 1.0))
    opt.lr = lambda step: 0.5
    opt.accumulate(full(opt, 3.0))
    opt.flush()
    assert p.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("options", [{"nonfinite": "skip"}, {"loss_scale": "dynamic"}])
def test_a_flush_that_is_left_out(options: dict[str, Any], backend: str) -> None:
    p, opt = adding(backend, **options)
    opt.accumulate(full(opt, np.nan), weight=3)
    assert opt.flush() is False
    assert (p.tolist(), opt.step_count, opt.skipped) == ([0.0, 0.0], 0, 1)
    assert opt.flush() is False
    assert opt.skipped == 1
    opt.accumulate(full(opt, 2.0 * float(opt.loss_scale)))
    assert opt.flush() is True
    assert p.tolist() == [-2.0, -2.0]


def test_a_flush_that_raises_begins_again(backend: str) -> None:
    p, opt = adding(backend, nonfinite="raise")
    opt.accumulate(full(opt, np.inf), weight=3)
    with pytest.raises(FloatingPointError, match="is not finite"):
        opt.flush()
    assert opt.flush() is False
    opt.accumulate(full(opt, 2.0))
    assert opt.flush() is True
    assert p.tolist() == [-2.0, -2.0]


def test_another_failure_of_a_flush_keeps_the_sum(backend: str) -> None:
    rates: list[Any] = ["no number"]
    p = np.zeros(2)
    opt = fastopt.SGD(
        p, lr=1.0, gradient_accumulation_steps=4, ema=lambda step: rates[0], backend=backend
    )
    opt.accumulate(np.full(2, 2.0))
    with pytest.raises(TypeError, match="ema"):
        opt.flush()
    rates[0] = 0.5
    assert opt.flush() is True
    assert p.tolist() == [-2.0, -2.0]


def test_flush_while_something_else_holds_the_optimizer(backend: str) -> None:
    p, opt = adding(backend, ema=0.5)
    opt.accumulate(full(opt, 2.0))
    with opt.averaged(), pytest.raises(RuntimeError, match="averages in the parameters"):
        opt.flush()
    assert opt.flush() is True
    opt.close()
    with pytest.raises(RuntimeError, match="is closed"):
        opt.flush()
    assert p.tolist() == [-2.0, -2.0]


# step while sums wait.

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped": {"global_clipnorm": 1.0},
    "scheduled": {"weight_decay": lambda step: 0.0},
    "followed": {"ema": 0.5, "lookahead_steps": 2},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("waiting", [1, 3])
def test_a_step_while_sums_wait_is_an_error(waiting: int, name: str, backend: str) -> None:
    p, opt = adding(backend, **SETTINGS[name])
    for value in range(waiting):
        opt.accumulate(full(opt, float(value)))
    words = "1 gradient waits" if waiting == 1 else "3 gradients wait"
    before = opt.state_dict(), p.tolist()
    with pytest.raises(RuntimeError, match=rf"^{words} in the sums of accumulate: opt.flush\(\) takes"):
        opt.step(full(opt, 10.0))
    assert (opt.step_count, p.tolist()) == (0, before[1])
    sums = [
        state["parameters"]["params"]["arrays"]["*accumulated"]
        for state in (before[0], opt.state_dict())
    ]
    assert sums[0].tolist() == sums[1].tolist()
    opt.flush()  # the remedy
    assert opt.step(full(opt, 0.0)) is True
    assert opt.step_count == 2


def test_other_ways_to_have_sums_that_wait(backend: str, tmp_path: Path) -> None:
    """Loaded ones, ones after a change of settings, ones of some of the parameters."""
    _, source = adding(backend)
    source.accumulate(full(source, 1.0))
    source.save(tmp_path / "sums.npz")

    def loaded(opt: Any) -> None:
        opt.load(tmp_path / "sums.npz")

    def state(opt: Any) -> None:
        opt.load_state_dict(source.state_dict())

    def changed(opt: Any) -> None:
        opt.accumulate(full(opt, 1.0))
        opt.stats = True
        opt.stats = False
        opt.lr = 0.5

    def frozen(opt: Any) -> None:
        opt.accumulate(full(opt, 1.0))
        opt.freeze("*")
        opt.unfreeze("*")

    ways: list[Callable[[Any], None]] = [loaded, state, changed, frozen]
    for way in ways:
        _, opt = adding(backend)
        opt.step(full(opt, 0.0))
        way(opt)
        with pytest.raises(RuntimeError, match=r"opt.flush\(\)"):
            opt.step(full(opt, 1.0))
        assert opt.flush() is True


# Weights.


def test_weights_of_batches_of_unequal_size(backend: str) -> None:
    """Means over 3, 3 and 1 samples, weighted, are the mean over all seven."""
    samples = np.array([1.0, 2.0, 4.0, 8.0, -3.0, 5.0, 11.0])
    p, opt = adding(backend, 3)
    for part in (samples[:3], samples[3:6], samples[6:]):
        opt.accumulate(full(opt, part.mean()), weight=len(part))
    assert np.allclose(p, -samples.mean(), rtol=1e-15)  # a mean of rounded means
    opt.accumulate(full(opt, 1.0), weight=3.0)
    opt.accumulate(full(opt, 5.0))
    opt.flush()
    assert np.allclose(p, -samples.mean() - 2.0, rtol=1e-15)


@pytest.mark.parametrize("weight", [1, 1.0, np.float32(1), np.int64(1), np.array(1.0)])
def test_a_weight_of_one_changes_no_bit(weight: Any, backend: str) -> None:
    p, q = model(np.float32), model(np.float32)
    ours, twin = (fastopt.Adam(x, gradient_accumulation_steps=3, backend=backend) for x in (p, q))
    for call in range(6):
        ours.accumulate(gradients(np.float32, call), weight=weight)
        twin.accumulate(gradients(np.float32, call))
    assert [a.tobytes() for a in p.values()] == [a.tobytes() for a in q.values()]


def test_weights_have_the_same_bits_everywhere() -> None:
    found = set()
    for backend in ("native", "numba", "numpy"):
        pytest.importorskip("numba")
        p = model(np.float32)
        opt = fastopt.Adam(p, gradient_accumulation_steps=3, global_clipnorm=1.0, backend=backend)
        for call, weight in enumerate((0.1, 3, 1e-3, 7, 2.5)):
            opt.accumulate(gradients(np.float32, call), weight=weight)
        opt.flush()
        found.add(tuple(a.tobytes() for a in p.values()))
    assert len(found) == 1


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_are_saved(suffix: str, backend: str, tmp_path: Path) -> None:
    p, opt = adding(backend, dtype=np.float32)
    opt.accumulate(full(opt, 1.0), weight=0.75)
    opt.accumulate(full(opt, 3.0), weight=0.5)
    assert opt.state_dict()["accumulated_weight"] == 1.25
    opt.save(tmp_path / f"sums{suffix}", params=True)
    _, again = adding(backend, dtype=np.float32)
    again.load(tmp_path / f"sums{suffix}")
    for each in (opt, again):
        each.accumulate(full(each, 9.0), weight=8)
        assert each.flush()
    assert p.tobytes() == again.params.tobytes()
    assert opt.state_dict()["accumulated_weight"] == 0.0


def test_sums_of_states_without_weights_count_each_gradient_once(backend: str) -> None:
    _, opt = adding(backend)
    opt.accumulate(full(opt, 2.0))
    opt.accumulate(full(opt, 4.0))
    state = opt.state_dict()
    del state["accumulated_weight"]
    p, again = adding(backend)
    again.load_state_dict(state)
    again.flush()
    assert p.tolist() == [-3.0, -3.0]


@pytest.mark.parametrize(
    ("weight", "error", "words"),
    [
        (0, ValueError, "weight is 0.0; it must be a finite number >= 1.17549e-38 and <= 3.40282e"),
        (-1.0, ValueError, "weight is -1.0"),
        (1e-46, ValueError, "weight is 1e-46"),
        (1e39, ValueError, r"weight is 1e\+39"),
        (np.nan, ValueError, "weight is nan"),
        (np.inf, ValueError, "weight is inf"),
        ("3", TypeError, r"weight is '3' \(str\); it must be a number"),
        (None, TypeError, "weight is None"),
        (True, TypeError, "weight is True"),
        (np.ones(2), TypeError, "weight is"),
        (lambda step: 1.0, TypeError, "weight is <function"),
    ],
)
def test_bad_weights_add_nothing(weight: Any, error: type[Exception], words: str, backend: str) -> None:
    _, opt = adding(backend)
    with pytest.raises(error, match=words):
        opt.accumulate(full(opt, 1.0), weight=weight)
    assert opt.flush() is False


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"accumulated_weight": "2"}, TypeError, "the sum of the weights of gradients is '2'"),
        ({"accumulated_weight": -1.0}, ValueError, "the sum of the weights of gradients is -1.0"),
        (
            {"accumulated_weight": float("inf")},
            ValueError,
            "the sum of the weights of gradients is inf",
        ),
        ({"accumulated_weight": 0.0}, ValueError, "1 gradients added up, with weights that sum to 0.0"),
        ({"accumulated": 0}, ValueError, "0 gradients added up, with weights that sum to 2.0"),
    ],
)
def test_bad_sums_of_weights(changes: Any, error: type[Exception], words: str) -> None:
    _, opt = adding("numpy")
    opt.accumulate(full(opt, 1.0), weight=2)
    with pytest.raises(error, match=words):
        opt.load_state_dict(opt.state_dict() | changes)
    assert opt.flush() is True
