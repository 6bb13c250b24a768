"""loss_scale: gradients are divided by it; "dynamic" is the rule of torch.amp.GradScaler."""

from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.model.commit import make
from fastopt.step.loss_scaling import LossScale

BAD, GOOD = np.array([np.inf, 1.0]), np.zeros(2)


def dynamic(backend: str, **options: Any) -> tuple[Any, fastopt.Optimizer]:
    p = np.ones(2)
    return p, fastopt.SGD(p, lr=1.0, loss_scale="dynamic", backend=backend, **options)


@pytest.mark.parametrize("scale", [2.0, 1024.0, 3.0, 1e-3, 7])
def test_a_fixed_one(scale: float, backend: str) -> None:
    p, g = np.ones(50), np.linspace(-1, 1, 50)
    opt = fastopt.SGD(p, lr=1.0, loss_scale=scale, backend=backend)
    assert opt.loss_scale == scale
    opt.step(scale * g)
    np.testing.assert_array_equal(p, 1.0 - (1.0 / scale) * (scale * g))
    opt.loss_scale = 1.0
    q = p.copy()
    opt.step(g)
    np.testing.assert_array_equal(p, q - g)


def test_clipping_sees_gradients_without_it(backend: str) -> None:
    limits: dict[str, Any] = {"global_clipnorm": 10.0, "clipvalue": 3.5}
    for scale in (1.0, 1024.0):
        p = np.zeros(2)
        opt = fastopt.SGD(p, lr=1.0, loss_scale=scale, stats=True, backend=backend, **limits)
        opt.step(scale * np.array([3.0, 4.0]))
        assert opt.grad_norm == 5.0
        assert opt.report()[0].grad_norm == 5.0
        assert p.tolist() == [-3.0, -3.5]


def test_it_begins_and_falls(backend: str) -> None:
    p, opt = dynamic(backend)
    assert opt.loss_scale == 65536.0
    assert opt.step(np.full(2, 65536.0))
    assert p.tolist() == [0.0, 0.0]
    for k in range(1, 4):
        assert not opt.step(BAD)
        assert opt.loss_scale == 65536.0 * 0.5**k
        assert opt.skipped == k
    assert p.tolist() == [0.0, 0.0]
    assert opt.step(np.full(2, opt.loss_scale))
    assert p.tolist() == [-1.0, -1.0]
    assert opt.step_count == 2


def test_it_rises_after_2000_good_steps_in_a_row() -> None:
    _, opt = dynamic("native")
    scales = []
    for step in range(6500):
        opt.step(BAD if step == 2500 else GOOD)
        scales.append(opt.loss_scale)
    changes = [k for k in range(1, len(scales)) if scales[k] != scales[k - 1]]
    assert changes == [1999, 2500, 4500]
    assert [scales[k] for k in changes] == [131072.0, 65536.0, 131072.0]


def take_note(scale: LossScale, finite: bool) -> None:
    make(scale.changes(finite))


def test_same_rule_as_grad_scaler_s() -> None:
    """The very function by which GradScaler updates its scale, over a random course and its ends."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    course = [*(rng.random(12_000) < 4e-4), *[False] * 300_000, *[True] * 20, *[False] * 4001]
    scale, tracker = torch.full((), 65536.0), torch.full((), 0, dtype=torch.int32)
    ours, bad = LossScale("dynamic"), {True: torch.ones(()), False: torch.zeros(())}
    assert torch.amp.GradScaler("cpu").get_growth_interval() == 2000
    for k, overflows in enumerate(course):
        torch._amp_update_scale_(scale, tracker, bad[bool(overflows)], 2.0, 0.5, 2000)
        take_note(ours, finite=not overflows)
        if overflows or k % 500 == 499:
            assert ours.value == float(scale), k


def test_it_never_vanishes_and_never_overflows() -> None:
    scale = LossScale("dynamic")
    for _ in range(2000):
        take_note(scale, finite=False)
    assert scale.value == 2.0**-126
    for _ in range(2000 * 400):
        take_note(scale, finite=True)
    assert scale.value == 2.0**127


def test_it_skips_and_zeroes(backend: str) -> None:
    _, opt = dynamic(backend, zero_grads=True)
    g = BAD.copy()
    assert not opt.step(g)
    assert g.tolist() == [0.0, 0.0]


def test_raise_contradicts_it(backend: str) -> None:
    with pytest.raises(ValueError, match=r"dynamic.* set nonfinite='skip'"):
        dynamic(backend, nonfinite="raise")
    _, opt = dynamic(backend)
    with pytest.raises(ValueError, match="dynamic"):
        opt.nonfinite = "raise"
    assert opt.nonfinite == "propagate"


def test_switched_on_and_off(backend: str) -> None:
    p = np.zeros(2)
    opt = fastopt.SGD(p, lr=1.0, backend=backend)
    setattr(opt, "loss_scale", "dynamic")  # noqa: B010 - mypy would hold it for a string from then on
    assert opt.loss_scale == 65536.0
    assert not opt.step(BAD)
    opt.loss_scale = 4.0
    assert opt.loss_scale == 4.0
    opt.step(np.full(2, 4.0))
    opt.loss_scale = 1.0
    opt.step(np.full(2, 4.0))
    assert p.tolist() == [-5.0, -5.0]


def test_trains_through_overflows_as_without(backend: str) -> None:
    """float16 gradients that overflow now and then: the steps of unscaled ones, but the skipped."""
    p, q = np.ones(64, np.float32), np.ones(64, np.float32)
    rng = np.random.default_rng(1)
    opt = fastopt.Adam(p, lr=0.1, loss_scale="dynamic", cast_grads=True, backend=backend)
    twin = fastopt.Adam(q, lr=0.1, backend=backend)
    for _ in range(40):
        g = rng.integers(-8, 9, 64).astype(np.float32)
        with np.errstate(over="ignore"):
            scaled = (g * np.float32(opt.loss_scale)).astype(np.float16)
        if opt.step(scaled):
            twin.step(g)
    assert opt.skipped == 4
    assert opt.step_count == 36
    assert p.tobytes() == q.tobytes()
