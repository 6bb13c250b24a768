"""stats and report: norms against NumPy, group by group, with the same bits everywhere."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.by_hand import gradients, in_order_of, model, norm, together, values

import fastopt
from fastopt import backends


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(dtype: Any, backend: str) -> None:
    p = model(dtype)
    opt = fastopt.AdamW(
        p, lr=0.1, weight_decay=0.1, loss_scale=3.0, global_clipnorm=2.0, stats=True, backend=backend
    )
    for seed in (1, 2):
        g = gradients(dtype, seed)
        before = {k: x.astype(float) for k, x in p.items()}
        opt.step(g)
        (found,) = opt.report()
        norms = [norm(in_order_of(p[k], g[k])) for k in p]
        assert found.grad_norm == opt.grad_norm == together(norms) * (1 / 3)
        assert found.clip_factor == 2.0 / found.grad_norm
        moved = [norm(in_order_of(p[k], p[k].astype(float) - before[k])) for k in p]
        assert found.update_norm == pytest.approx(together(moved), rel=1e-15)  # squares, not roots, add
        weights = [norm(in_order_of(x, x)) for x in p.values()]
        assert found.weight_norm == pytest.approx(together(weights), rel=1e-15)
        assert found.update_ratio == found.update_norm / found.weight_norm
        assert found.nonfinite == 0
        exact = math.sqrt(math.fsum(float(v) ** 2 for x in p.values() for v in x.reshape(-1)))
        assert found.weight_norm == pytest.approx(exact, rel=1e-14)


def test_one_array_to_the_last_bit(backend: str) -> None:
    p = values(9000, np.float32, 1)
    opt = fastopt.SGD(p, lr=0.5, stats=True, backend=backend)
    for seed in (2, 3):
        g, before = values(9000, np.float32, seed), p.astype(float)
        opt.step(g)
        moved, now = norm(p.astype(float) - before), norm(p)
        assert opt.report()[0] == (norm(g), moved, now, moved / now, 1.0, 0)


def test_groups(backend: str) -> None:
    a, b, c = np.full(4, 1.0), np.full(9, 2.0, np.float32), np.full(1, 3.0)
    opt = fastopt.SGD(
        [{"params": {"a": a, "c": c}, "lr": 1.0, "clipnorm": 3.0}, {"params": [b], "lr": 0.5}],
        stats=True,
        backend=backend,
    )
    opt.step([{"a": np.full(4, 2.0), "c": np.full(1, 1.0)}, [np.full(9, 2.0, np.float32)]])
    first, second = opt.report()
    assert first.grad_norm == math.sqrt(17.0)
    assert (first.clip_factor, second.clip_factor) == (0.75, 1.0)
    assert first.update_norm == math.sqrt(9.0 + 1.0)
    assert first.weight_norm == math.sqrt(4 * 0.25 + 4.0)
    assert (second.grad_norm, second.update_norm, second.weight_norm) == (6.0, 3.0, 3.0)
    assert second.update_ratio == 1.0
    assert opt.grad_norm == pytest.approx(math.sqrt(17.0 + 36.0), rel=1e-15)


def test_non_finite_entries_are_counted(backend: str) -> None:
    p = [np.ones(5), np.ones(5), np.ones(5)]
    opt = fastopt.SGD([{"params": p[:2]}, {"params": p[2:]}], stats=True, backend=backend)
    g = [np.ones(5) for _ in p]
    g[0][:3], g[1][4] = np.nan, np.inf
    opt.step([g[:2], g[2:]])
    assert [each.nonfinite for each in opt.report()] == [4, 0]
    assert math.isnan(opt.report()[0].grad_norm)
    assert opt.report()[1].grad_norm == math.sqrt(5)


def test_without_gradients_and_without_weights(backend: str) -> None:
    p, q = np.zeros(3), np.full(3, 2.0)
    opt = fastopt.SGD([{"params": p}, {"params": q}], lr=1.0, stats=True, backend=backend)
    opt.step([np.zeros(3), None])
    first, second = opt.report()
    assert first == (0.0, 0.0, 0.0, 0.0, 1.0, 0)
    assert second == (0.0, 0.0, math.sqrt(12.0), 0.0, 1.0, 0)
    p[...] = 1
    opt.step([np.ones(3), None])
    assert opt.report()[0].update_ratio == math.inf
    q[0] = np.nan
    opt.step([None, None])
    assert opt.report()[1].update_norm == 0.0, "NaN - NaN is NaN, but it has not moved"


@pytest.mark.usefixtures("default_settings")
def test_same_bits_over_backends_and_threads() -> None:
    found = set()
    for backend in backends.NAMES:
        if backends.backend(backend).why_not():
            continue
        for threads in (1, 2, 3, 7):
            fastopt.set_num_threads(threads)
            p = [values(size, np.float32, 1) for size in (5, 300_001, 4096, 4097, 0, 130_000)]
            opt = fastopt.Adam(p, lr=0.1, stats=True, clipnorm=1.0, backend=backend)
            for seed in (2, 3):
                g: list[Any] = [values(x.size, np.float32, seed) for x in p]
                g[1], g[2] = np.repeat(g[1], 2)[::2], None
                opt.step(g)
            found.add((*opt.report()[0], opt.grad_norm, *(x.tobytes() for x in p)))
    assert len(found) == 1


def test_measuring_changes_no_bit(backend: str) -> None:
    finals = []
    for stats in (False, True):
        p = model(np.float32)
        opt = fastopt.Adam(p, lr=0.1, weight_decay=0.1, stats=stats, backend=backend)
        for seed in (1, 2, 3):
            opt.step(gradients(np.float32, seed))
        finals.append([x.tobytes() for x in p.values()])
    assert finals[0] == finals[1]


def test_nothing_to_say() -> None:
    p = np.ones(3)
    opt = fastopt.SGD(p, stats=True)
    with pytest.raises(RuntimeError, match="there is no report: set stats=True before the step"):
        opt.report()
    opt.step(np.ones(3))
    assert len(opt.report()) == 1
    opt.stats = False
    opt.step(np.ones(3))
    with pytest.raises(RuntimeError, match="there is no report"):
        opt.report()


def saved_and_loaded(opt: Any, folder: Path) -> list[Callable[[], object]]:
    """List all ways in which an optimizer takes a state."""
    state = opt.state_dict()
    opt.save(folder / "state.npz")
    opt.save(folder / "both.npz", params=True)
    return [
        lambda: opt.load_state_dict(state),
        lambda: opt.load_state_dict(state, hyperparameters=False),
        lambda: opt.load_state_dict(state, strict=False),
        lambda: opt.load(folder / "state.npz"),
        lambda: opt.load(folder / "both.npz", params=True),
    ]


def test_a_report_is_of_a_step_of_this_run(tmp_path: Path, backend: str) -> None:
    """When a state has been put back, there is no step of which report and norm could be."""
    opt = fastopt.SGD(np.ones(4), stats=True, backend=backend)
    opt.step(np.ones(4))
    for load in saved_and_loaded(opt, tmp_path):
        opt.step(np.ones(4))
        assert (opt.grad_norm, len(opt.report())) == (2.0, 1)
        load()
        assert opt.grad_norm is None
        with pytest.raises(RuntimeError, match="there is no report"):
            opt.report()
        opt.step(np.full(4, 2.0))
        assert opt.grad_norm == opt.report()[0].grad_norm == 4.0


def test_a_load_that_fails_leaves_the_report(backend: str) -> None:
    opt = fastopt.SGD(np.ones(4), stats=True, backend=backend)
    opt.step(np.ones(4))
    before = opt.report()
    for state in ({}, {**opt.state_dict(), "steps": -1}):
        with pytest.raises((TypeError, ValueError)):
            opt.load_state_dict(state)
        assert (opt.grad_norm, opt.report()) == (2.0, before)


def test_the_norm_of_the_last_step_alone(backend: str) -> None:
    p = np.ones(4)
    opt = fastopt.SGD(p, backend=backend)
    opt.step(np.ones(4))
    switches: list[tuple[str, Any, Any]] = [
        ("global_clipnorm", 5.0, None),
        ("clipnorm", 5.0, None),
        ("nonfinite", "raise", "propagate"),
        ("loss_scale", "dynamic", 1.0),
        ("stats", True, False),
    ]
    for name, on, off in switches:
        norms = [opt.grad_norm]
        for value in (on, off):
            setattr(opt, name, value)
            opt.step(float(opt.loss_scale) * np.ones(4))
            norms.append(opt.grad_norm)
        assert norms == [None, 2.0, None], name


def test_accumulated(backend: str) -> None:
    p = np.zeros(4)
    opt = fastopt.SGD(p, lr=1.0, stats=True, gradient_accumulation_steps=2, backend=backend)
    opt.accumulate(np.full(4, 1.0))
    assert not opt._core.bound.progress.report
    opt.accumulate(np.full(4, 2.0))
    assert opt.report()[0] == (3.0, 3.0, 3.0, 1.0, 1.0, 0)
