"""Two ways to the same training: they end with the same bits."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenes import APART, OF_TORCH, Scene, assert_same, scenes, whole_numbers, without, written
from support.steps import carried_at_first, take_step

import fastopt
from fastopt import functional


@contextmanager
def diverged() -> Iterator[None]:
    """Load states with NaN in them, of which a warning says that the run had diverged."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the state has entries that are not finite")
        yield


@given(scenes(of=OF_TORCH), st.booleans())
def test_hyperparameters_set_late(scene: Scene, at_once: bool) -> None:
    """Those that are set before a step are as good as given to the constructor."""
    name, options = scene.variant
    params = scene.params()
    hyperparameters = scene.make([p.copy() for p in params]).hyperparameters
    initial = {k: v for k, v in options.items() if hyperparameters[k].initial}
    late = without(options, *initial)
    opt = fastopt.get(name, params, **initial)
    if at_once:
        opt.groups[0].update(late)
    else:
        given_late = dict(opt.groups[0].given)
        for key, value in late.items():
            try:
                setattr(opt, key, value)
            except ValueError:  # it needs another, which comes later
                given_late[key] = value
        opt.groups[0].update(late)
    for k in range(1, 4):
        take_step(opt, scene.grads(k))
    plain = scene.params()
    wanted = scene.make(plain)
    for k in range(1, 4):
        take_step(wanted, scene.grads(k))
    assert_same(params, plain)
    for found, state in zip(opt.state.values(), wanted.state.values(), strict=True):
        assert_same([found[key] for key in state], list(state.values()))


@given(scenes(), st.integers(0, 3), st.booleans())
def test_state_taken_and_put_back(scene: Scene, stop: int, copy: bool) -> None:
    params = scene.params()
    opt = scene.make(params)
    for k in range(1, stop + 1):
        take_step(opt, scene.grads(k))
    params = [p.copy(order="K") for p in params]
    resumed = scene.make(params)
    with diverged():
        resumed.load_state_dict(opt.state_dict(copy=copy))
    for k in range(stop + 1, 4):
        take_step(resumed, scene.grads(k))
    assert_same(written(resumed, params), scene.train())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@given(scene=scenes(most=12), stop=st.integers(0, 3))
def test_file_written_and_read(
    suffix: str, scene: Scene, stop: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = Path(tmp_path_factory.getbasetemp(), f"state{suffix}")
    params = scene.params()
    opt = scene.make(params)
    for k in range(1, stop + 1):
        take_step(opt, scene.grads(k))
    opt.save(path, params=True)
    params = scene.arrays(9)
    resumed = scene.make(params)
    with diverged():
        resumed.load(path)
    for k in range(stop + 1, 4):
        take_step(resumed, scene.grads(k))
    assert_same(written(resumed, params), scene.train())


@given(scenes(of=APART, values=[whole_numbers]), st.sampled_from([1, 2, 4, 8]))
def test_accumulated_gradients(scene: Scene, count: int) -> None:
    """Steps with the mean of some gradients; small whole numbers make it exact."""
    params, plain = scene.params(), scene.params()
    opt = scene.make(params, gradient_accumulation_steps=count)
    wanted = scene.make(plain)
    for each in (opt, wanted):
        carried_at_first(each)
    for k in range(1, 3):
        parts = [scene.grads(100 * k + j) for j in range(count)]
        taken = [opt.accumulate(part) for part in parts]
        assert taken == [False] * (count - 1) + [True]
        columns = [[g for g in column if g is not None] for column in zip(*parts, strict=True)]
        means = [sum(column) * (1.0 / count) if column else None for column in columns]
        take_step(
            wanted, [m if m is None else m.astype(p.dtype) for m, p in zip(means, plain, strict=True)]
        )
    assert_same(written(opt, params), written(wanted, plain))


@given(scenes(of=APART, most=12))
def test_functional(scene: Scene) -> None:
    """One call for each array, with state of the caller's own."""
    name, options = scene.variant
    params, plain = scene.params(), scene.params()
    opt = scene.make(params)
    names = [key for key, hyper in opt.hyperparameters.items() if hyper.initial]
    kept = carried_at_first(opt)
    own = [[a.copy(order="K") for a in state.values()] for state in opt.state.values()]
    counts = [0] * len(plain)
    call = getattr(functional, name)
    for k in range(1, 4):
        grads = scene.grads(k)
        take_step(opt, grads)
        for i, g in enumerate(grads):
            if g is not None:
                counts[i] += 1
                given = without(options, *names)
                kept[i] = call(plain[i], g, *own[i], t=counts[i], **kept[i], **given)
    assert_same(written(opt, params), [*plain, *(a for states in own for a in states)])


@given(scenes(of=APART, most=12, absent=False), st.data())
def test_frozen_removed_and_added(scene: Scene, data: st.DataObject) -> None:
    """Who is frozen, or gone, or not yet there, is as one without a gradient."""
    count = len(scene.shapes)
    what = st.sampled_from(["frozen", "gone", "late", "there"])
    roles = data.draw(st.lists(what, min_size=count, max_size=count))
    roles[0] = "there"
    plain = {f"p{i}": p for i, p in enumerate(scene.params())}
    all_params = {f"p{i}": p for i, p in enumerate(scene.params())}
    wanted = scene.make(plain)
    now = {key: p for (key, p), role in zip(all_params.items(), roles, strict=True) if role != "late"}
    opt = scene.make(now)
    states: dict[str, Any] = {}
    for k in range(1, 5):
        if k == 3:
            for key, role in zip(all_params, roles, strict=True):
                if role == "frozen":
                    opt.freeze(key)
                elif role == "gone":
                    states[key] = opt.state[key]
                    opt.remove_params(key)
                elif role == "late":
                    opt.add_params({key: all_params[key]})
        grads = {f"p{i}": g for i, g in enumerate(scene.grads(k))}
        take_step(opt, {key: grads[key] for key in now})
        silent = {"frozen": k >= 3, "gone": k >= 3, "late": k < 3, "there": False}
        take_step(
            wanted,
            {
                key: None if silent[role] else g
                for (key, g), role in zip(grads.items(), roles, strict=True)
            },
        )
    states |= opt.state
    assert_same(list(all_params.values()), list(plain.values()))
    for key, state in wanted.state.items():
        assert_same(list(states[key].values()), list(state.values()))
