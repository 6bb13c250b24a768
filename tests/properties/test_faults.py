"""Gradients that are not finite, and calls that fail: what they change, and what they do not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.by_hand import Array
from support.scenes import ELEMENTWISE, Gradients, Scene, assert_same, scenes, tame, written
from support.steps import take_step

import fastopt

Fault = Callable[[Gradients, int], None]


def bits(opt: fastopt.Optimizer, params: list[Array]) -> list[Any]:
    """All that a step could change."""
    entries = opt.state_dict(copy=False)["parameters"].values()
    counts = [(entry["steps"], entry["carried"]) for entry in entries]
    return [[a.tobytes() for a in written(opt, params)], counts, opt.step_count]


def put(grads: Gradients, at: int, value: float) -> bool:
    """Put a value somewhere; say whether there was a place for it."""
    places = [(g, i) for g in grads if g is not None for i in range(min(g.size, 7))]
    if not places:
        return False
    g, i = places[at % len(places)]
    g.reshape(-1, order="A")[i] = value
    return True


@given(scenes(values=[tame]), st.integers(0, 999), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_policies_for_nonfinite_gradients(scene: Scene, at: int, value: float) -> None:
    params = {policy: scene.params() for policy in ("propagate", "raise", "skip")}
    opts = {policy: scene.make(p, nonfinite=policy) for policy, p in params.items()}
    for opt in opts.values():
        assert take_step(opt, scene.grads(1))
    bad = scene.grads(2)
    is_bad = put(bad, at, value)
    before = {policy: bits(opt, params[policy]) for policy, opt in opts.items()}
    if is_bad:
        with pytest.raises(FloatingPointError, match="is not finite"):
            take_step(opts["raise"], bad)
        assert not take_step(opts["skip"], bad)
        assert opts["skip"].skipped == 1
        for policy in ("raise", "skip"):
            assert bits(opts[policy], params[policy]) == before[policy]
    plain = scene.params()
    ordinary = scene.make(plain)
    take_step(ordinary, scene.grads(1))
    assert take_step(ordinary, bad)
    assert take_step(opts["propagate"], bad)
    assert_same(written(opts["propagate"], params["propagate"]), written(ordinary, plain))


@given(scenes(of=ELEMENTWISE, values=[tame]), st.integers(0, 999), st.sampled_from([np.nan, np.inf]))
def test_bad_element_is_alone(scene: Scene, at: int, value: float) -> None:
    """One NaN in a gradient or a parameter reaches its own element and no other."""
    params = scene.params()
    opt = scene.make(params)
    marks = [np.zeros_like(p) for p in params]
    put(marks, at, 1.0)
    for k in range(1, 4):
        grads = scene.grads(k)
        if k == 2:
            for g, mark in zip(grads, marks, strict=True):
                if g is not None:
                    g[mark == 1.0] = value
        take_step(opt, grads)
    plain = scene.params()
    wanted = scene.make(plain)
    for k in range(1, 4):
        take_step(wanted, scene.grads(k))
    sides = zip([opt, wanted], [params, plain], strict=True)
    found, expected = (
        [[p, *s.values()] for p, s in zip(ps, o.state.values(), strict=True)] for o, ps in sides
    )
    for entry, other, mark in zip(found, expected, marks, strict=True):
        for a, b in zip(entry, other, strict=True):
            assert_same([a[mark == 0.0]], [b[mark == 0.0]])


def wrong_shape(g: Array) -> Any:
    return np.zeros((*g.shape, 2), g.dtype)


def wrong_dtype(g: Array) -> Any:
    return g.astype(np.int32 if g.size else np.float16)


def other_byte_order(g: Array) -> Any:
    return g.astype(g.dtype.newbyteorder())


def masked(g: Array) -> Any:
    return np.ma.masked_array(g)


def a_list(g: Array) -> Any:
    return [g.tolist()]


FAULTS: list[Callable[[Array], Any]] = [wrong_shape, wrong_dtype, other_byte_order, masked, a_list]


@given(scenes(values=[tame], absent=False), st.integers(0, 99), st.sampled_from(FAULTS), st.booleans())
def test_call_that_fails(scene: Scene, at: int, fault: Callable[[Array], Any], reads: bool) -> None:
    """One wrong gradient among good ones: the error names it, and no byte has changed."""
    params = scene.params()
    opt = scene.make(params, nonfinite="skip" if reads else "propagate")
    take_step(opt, scene.grads(1))
    before = bits(opt, params)
    bad = scene.grads(2)
    place = at % len(bad)
    bad[place] = fault(bad[place])
    with pytest.raises((TypeError, ValueError), match=rf"'{place}'|{place}"):
        take_step(opt, bad)
    assert bits(opt, params) == before
    take_step(opt, scene.grads(2))
    take_step(opt, scene.grads(3))
    assert_same(written(opt, params), scene.train())
