"""Parameters of 16 bits with a master: the steps of float32, whatever is written between them."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import bfloat16, same
from support.formats import FORMATS, differing, gradients, model, states, written

import fastopt
from fastopt.numerics import STORAGES


def master(opt: fastopt.Optimizer, name: str, p: Any) -> Any:
    """What a parameter is in 32 bits."""
    storage = STORAGES["master" if p.dtype == np.float16 else "split"]
    rest = states(opt)[name]["master"]
    order: Any = "C" if p.flags.c_contiguous else "F"
    found = storage.decoded(p.ravel(order).view(storage.bits), rest.ravel(order))
    return found.reshape(p.shape, order=order)


@pytest.mark.parametrize("dtype", [bfloat16, np.float16], ids=["split", "float16"])
def test_masters_take_the_steps_of_float32(dtype: Any) -> None:
    """A thousand, bit for bit: nothing is lost between them."""
    rng = np.random.default_rng(2)
    params = {"w": rng.standard_normal((9, 17)).astype(dtype), "f": np.ones((5, 3), dtype, order="F")}
    single = {name: p.astype(np.float32) for name, p in params.items()}
    opt, twin = (fastopt.AdamW(each, lr=1e-4, weight_decay=0.1) for each in (params, single))
    for _ in range(1000):
        grads = {name: rng.standard_normal(p.shape).astype(np.float32) for name, p in params.items()}
        opt.step(grads)
        twin.step(grads)
    for name, p in params.items():
        assert same(master(opt, name, p), single[name])
        assert np.abs(p.astype(float) - single[name]).max() < 2.0**-7
        for state in ("m", "v"):
            assert same(states(opt)[name][state], states(twin)[name][state])


@pytest.mark.parametrize("dtype", [bfloat16, np.float16], ids=["split", "float16"])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_what_is_written_between_steps_is_taken(dtype: Any, zero: float, backend: str) -> None:
    """Rows that are pruned stay numbers, and train on from there."""
    rng = np.random.default_rng(3)
    p = rng.standard_normal((8, 33)).astype(dtype)
    opt = fastopt.SGD({"w": p}, lr=1e-3, backend=backend)
    for _ in range(3):
        p[::2] = zero
        opt.step({"w": rng.standard_normal(p.shape).astype(np.float32)})
        assert np.isfinite(p.astype(np.float32)).all()
        assert np.abs(p[::2].astype(float)).max() < 0.01


@pytest.mark.parametrize("form", ["split", "float16", "noise", "8 bits"])
def test_nothing_is_done_at_steps_that_are_skipped(form: str, backend: str) -> None:
    dtype, options = FORMATS[form]
    params = model(dtype)
    opt = fastopt.Adam(params, nonfinite="skip", backend=backend, **options)
    opt.step(gradients(np.float32, 0))
    before = {k: np.array(v) for k, v in written(opt).items()}
    bad = gradients(np.float32, 1)
    bad["long"][4000] = np.nan
    assert not opt.step(bad)
    assert differing(written(opt), before) == []


@pytest.mark.parametrize("form", ["split", "float16", "noise, 8 bits", "8 bits"])
def test_frozen_and_missing_parameters_stay(form: str, backend: str) -> None:
    """Their noise too: a parameter's own steps decide it."""
    dtype, options = FORMATS[form]
    params = model(dtype)
    opt = fastopt.Adam(params, backend=backend, **options)
    opt.step(gradients(np.float32, 0))
    before = {k: np.array(v) for k, v in written(opt).items() if k.split()[-1] in ("w", "long")}
    opt.freeze("w")
    opt.step({**gradients(np.float32, 1), "w": None, "long": None})
    after = {k: v for k, v in written(opt).items() if k in before}
    assert differing(after, before) == []


@pytest.mark.parametrize("form", ["split", "float16", "noise, 8 bits"])
def test_an_array_in_two_places(form: str, backend: str) -> None:
    dtype, options = FORMATS[form]
    found = []
    for twice in (False, True):
        p = model(dtype)["w"]
        g = gradients(np.float32, 1)["w"]
        params = {"w": p, "head": p} if twice else {"w": p}
        opt = fastopt.Adam(params, tied="add" if twice else None, backend=backend, **options)
        opt.step({"w": g * 0.75, "head": g * 0.25} if twice else {"w": g})
        found.append(p)
    assert same(*found)


def test_a_master_is_no_gradient(backend: str) -> None:
    """It is written while the gradient is read."""
    p = np.ones((4, 5), np.float16)
    opt = fastopt.SGD({"w": p}, backend=backend)
    g = np.ones((4, 5), np.float32)
    opt.step({"w": g})
    rest = states(opt)["w"]["master"]
    for _ in range(2):
        before = rest.copy()
        with pytest.raises(ValueError, match="shares memory"):
            opt.step({"w": rest})
        assert same(rest, before)
        opt.step({"w": g})
