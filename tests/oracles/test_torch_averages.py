"""Averages and slow weights of fastopt.torch: fastopt's bits, and what torch's own helpers give."""

import contextlib
import copy
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fastopt

torch = pytest.importorskip("torch")

from torch.optim import swa_utils  # noqa: E402

from fastopt import torch as fused  # noqa: E402 - which imports torch

TOLERANCE = 1e-12  # as in test_torch_trajectories
OPTIONS: dict[str, dict[str, Any]] = {
    "ema": {"ema": 0.9},
    "corrected": {"ema": 0.9, "ema_bias_correction": True},
    "swa": {"swa_start": 3, "swa_every": 2},
    "slow": {"lookahead_steps": 3, "lookahead_alpha": 0.25},
    "both": {"lookahead_steps": 2, "ema": 0.8},
}
SHOWN = {"ema": "ema_state", "swa": "swa_state", "slow": "slow_state"}
LAYOUTS: dict[str, Callable[[], Any]] = {
    "plain": lambda: ramp(3, 4),
    "transposed": lambda: ramp(4, 3).t(),
    "with gaps": lambda: ramp(3, 4, 2)[..., 1],
    "complex": lambda: torch.complex(ramp(3, 4), ramp(3, 4).flip(0)),
}


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def ramp(*shape: int) -> Any:
    return torch.linspace(-1.0, 1.0, torch.Size(shape).numel()).reshape(shape)


def stepped(optimizer: Any, params: list[Any], step: int, absent: int | None = None) -> None:
    for i, p in enumerate(params):
        p.grad = None if i == absent else torch.from_numpy(np.cos(p.detach().numpy() + step))
    optimizer.step()


def reloaded(params: list[Any], optimizer: Any) -> tuple[list[Any], Any]:
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    found = type(optimizer)(params, lr=0.5)
    found.load_state_dict(torch.load(file))
    return params, found


AGAIN: dict[str, Callable[[list[Any], Any], Any]] = {
    "reloaded": reloaded,
    "pickled": lambda *both: pickle.loads(pickle.dumps(both)),
    "copied": lambda *both: copy.deepcopy(both),
}


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("name", ["AdamW", "SGD", "Lion"])
@pytest.mark.parametrize("asked", OPTIONS)
def test_the_bits_of_fastopt(asked: str, name: str, again: str) -> None:
    start = [ramp(3, 4), ramp(5), ramp(2)]
    arrays = [t.numpy().copy() for t in start]
    params = [torch.nn.Parameter(t) for t in start]
    opt = getattr(fastopt, name)(arrays, lr=0.1, **OPTIONS[asked])
    optimizer = getattr(fused, name)(params, lr=0.1, **OPTIONS[asked])
    for step in range(10):
        if step == 5:
            params, optimizer = AGAIN[again](params, optimizer)
        if step == 7:
            opt.restart_averages()
            optimizer.restart_averages()
        absent = 2 if step < 2 else None
        opt.step([None if i == absent else np.cos(a + step) for i, a in enumerate(arrays)])
        stepped(optimizer, params, step, absent)
        for a, p in zip(arrays, params, strict=True):
            assert p.detach().numpy().tobytes() == a.tobytes()
        for key in optimizer.state[params[0]].keys() & SHOWN.keys():
            shown = getattr(optimizer, SHOWN[key])
            for a, t in zip(getattr(opt, SHOWN[key]), shown, strict=True):
                assert t.numpy().tobytes() == a.tobytes()
            for p, t in zip(params, shown, strict=True):
                assert p not in optimizer.state or torch.equal(optimizer.state[p][key], t)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("asked", ["ema", "swa"])
def test_what_averaged_model_gives(asked: str, layout: str) -> None:
    """It copies the parameters when it is first updated: ours begin with those before the steps."""
    start = [LAYOUTS[layout](), ramp(5)]
    decay = swa_utils.get_ema_multi_avg_fn(0.9) if asked == "ema" else None
    model = torch.nn.ParameterList([torch.nn.Parameter(t.clone()) for t in start])
    params = [torch.nn.Parameter(t) for t in start]
    theirs = torch.optim.AdamW(model.parameters(), lr=0.1, amsgrad=True)
    options = {"ema": 0.9} if asked == "ema" else {"swa_start": 0}
    ours = fused.AdamW(params, lr=0.1, amsgrad=True, **options)
    averaged = swa_utils.AveragedModel(model, multi_avg_fn=decay)
    averaged.update_parameters(model)
    for step in range(20):
        stepped(theirs, list(model), step)
        stepped(ours, params, step)
        averaged.update_parameters(model)
        for p, a in zip(params, averaged.module, strict=True):
            torch.testing.assert_close(ours.state[p][asked], a.data, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parameters_at_their_averages(layout: str) -> None:
    params = [torch.nn.Parameter(LAYOUTS[layout]()), torch.nn.Parameter(ramp(5))]
    optimizer = fused.RMSprop(params, lr=0.1, ema=0.5)
    for step in range(3):
        stepped(optimizer, params, step)
    before, versions = [p.detach().clone() for p in params], [p._version for p in params]
    averages = [each.clone() for each in optimizer.ema_state]
    with contextlib.suppress(KeyError), optimizer.averaged():
        for p, average, version in zip(params, averages, versions, strict=True):
            assert torch.equal(p, average)
            assert p._version > version
            with torch.no_grad():
                p.mul_(2.0)  # is written into the average
        raise KeyError
    for p, was, average in zip(params, before, averages, strict=True):
        assert torch.equal(p, was)
        assert torch.equal(optimizer.state[p]["ema"], average.mul_(2.0))
    stepped(optimizer, params, 3)
    for p, average in zip(params, averages, strict=True):
        assert torch.equal(optimizer.state[p]["ema"], 0.5 * average + 0.5 * p.detach())


def test_what_is_refused_there() -> None:
    p = torch.nn.Parameter(ramp(5))
    optimizer = fused.AdamW([p], ema=0.9)
    stepped(optimizer, [p], 0)
    before = p.detach().clone()
    with optimizer.averaged():
        for call in (optimizer.state_dict, lambda: copy.deepcopy(optimizer)):
            with pytest.raises(RuntimeError, match="after the with block"):
                call()
        for call in (optimizer.step, optimizer.restart_averages):
            with pytest.raises(RuntimeError, match="has its averages in the parameters"):
                call()
        optimizer.state[p]["ema"] = ramp(5)
        with pytest.raises(RuntimeError, match="or leave the with block"):
            optimizer.step()
    assert torch.equal(p, before)
    optimizer.step()


def test_averages_of_the_algorithm_in_a_with_block() -> None:
    p = torch.nn.Parameter(ramp(5))
    optimizer = fused.AdamWScheduleFree([p], lr=0.1)
    stepped(optimizer, [p], 0)
    stepped(optimizer, [p], 1)
    before = p.detach().clone()
    optimizer.eval()
    there = p.detach().clone()
    optimizer.train()
    with optimizer.averaged():
        assert torch.equal(p, there)
    assert torch.equal(p, before)
    assert not torch.equal(before, there)


def test_there_are_none() -> None:
    of_ema, plain = (fused.AdamW([torch.nn.Parameter(ramp(5))], ema=ema) for ema in (0.9, None))
    calls: list[Callable[[], Any]] = [
        lambda: of_ema.swa_state,
        lambda: of_ema.slow_state,
        lambda: plain.ema_state,
        lambda: plain.averaged().__enter__(),
        lambda: plain.restart_averages(),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="make the optimizer with"):
            call()


def test_they_begin_with_the_parameters_of_the_first_step() -> None:
    p = torch.nn.Parameter(ramp(5))
    optimizer = fused.SGD([p], lr=0.0, ema=0.9)
    assert torch.equal(optimizer.ema_state[0], p)
    with torch.no_grad():
        p.mul_(2.0)
    stepped(optimizer, [p], 0)
    torch.testing.assert_close(optimizer.ema_state[0], ramp(5) * 2.0)
    with torch.no_grad():
        p.mul_(2.0)
    optimizer.restart_averages()
    with torch.no_grad():
        p.mul_(2.0)
    stepped(optimizer, [p], 1)
    torch.testing.assert_close(optimizer.ema_state[0], ramp(5) * 8.0)


def test_groups_that_come_and_change() -> None:
    params = [torch.nn.Parameter(ramp(5))]
    optimizer = fused.AdamW(params, lr=0.1, swa_start=2)
    for step in range(3):
        stepped(optimizer, params, step)
    first = optimizer.state[params[0]]["swa"].clone()
    params.append(torch.nn.Parameter(ramp(2, 2)))
    optimizer.add_param_group({"params": params[1:], "lr": 0.01})
    stepped(optimizer, params, 3)
    torch.testing.assert_close(optimizer.swa_state[0], (2.0 * first + params[0].detach()) / 3.0)
    for group in optimizer.param_groups:
        group.update(swa_start=None, ema=0.5)
    before = [p.detach().clone() for p in params]
    stepped(optimizer, params, 4)
    for p, was, average in zip(params, before, optimizer.ema_state, strict=True):
        torch.testing.assert_close(average, 0.5 * was + 0.5 * p.detach())
    optimizer.param_groups[0]["followers"]["steps"] = 7
    stepped(optimizer, params, 5)
    for group in optimizer.param_groups:
        group["followers"] = {**group["followers"], "steps": 9}
    stepped(optimizer, params, 6)
    assert [group["followers"]["steps"] for group in optimizer.param_groups] == [10, 10]


def test_states_of_torch_and_back() -> None:
    params = [torch.nn.Parameter(ramp(5)), torch.nn.Parameter(ramp(2))]
    theirs = torch.optim.AdamW(params, lr=0.1)
    for step in range(3):
        stepped(theirs, params, step)
    ours = fused.AdamW(params, lr=0.1, swa_start=5)
    ours.load_state_dict(theirs.state_dict())
    seen = []
    for step in range(3, 8):
        stepped(ours, params, step, absent=1)
        seen.append(params[0].detach().clone())
    torch.testing.assert_close(ours.swa_state[0], sum(seen[1:]) / 4.0)
    theirs = torch.optim.AdamW(params, lr=0.1)
    theirs.load_state_dict(ours.state_dict())
    stepped(theirs, params, 8)
    assert [theirs.state[p]["step"] for p in params] == [9, 4]


def test_clear_states_begin_anew() -> None:
    params = [torch.nn.Parameter(ramp(5))]
    optimizer = fused.AdamW(params, lr=0.1, swa_start=1)
    for step in range(4):
        stepped(optimizer, params, step)
    optimizer.state.clear()
    before = params[0].detach().clone()
    stepped(optimizer, params, 4)
    torch.testing.assert_close(optimizer.swa_state[0], (before + params[0].detach()) / 2.0)
