"""What a step allocates, and what state takes."""

import resource
import tracemalloc
from typing import Any

import numpy as np
import pytest
from support.steps import take_step
from support.variants import ANY_SHAPE, FACTORED, label, own_options

import fastopt
from fastopt.arrays.allocation import LINE, Arena

# State arrays of the parameter's size, from the papers' formulas; options add to it.
STATES = {
    "sgd": 0,
    "adagrad": 1,
    "adadelta": 2,
    "rmsprop": 1,
    "adam": 2,
    "adamw": 2,
    "adamax": 2,
    "adamaxw": 2,
    "nadam": 2,
    "nadamw": 2,
    "radam": 2,
    "adabelief": 2,
    "yogi": 2,
    "adan": 4,
    "adopt": 2,
    "laprop": 2,
    "adabound": 2,
    "adamod": 3,
    "padam": 2,
    "lion": 1,
    "signsgd": 0,
    "signum": 1,
    "tiger": 1,
    "sgdschedulefree": 0,  # and one for its momentum, which is always on
    "adamwschedulefree": 2,
}
MORE = {"amsgrad": 1, "amsbound": 1, "centered": 1, "momentum": 1}

CASES = [
    (name, options) for name, cls in ANY_SHAPE.items() for options in own_options(cls) if name in STATES
]


@pytest.mark.parametrize("case", CASES, ids=label)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_is_exactly_what_the_formula_needs(case: tuple[str, dict[str, Any]], dtype: Any) -> None:
    name, options = case
    p = np.zeros((31, 7), dtype)
    state = fastopt.get(name, p, **options).state["params"]
    expected = STATES[name] + sum(MORE[key] for key in MORE if options.get(key))
    assert sum(array.nbytes for array in state.values()) == expected * p.nbytes


@pytest.mark.parametrize("name", [a for a in ANY_SHAPE if a not in FACTORED])
def test_a_native_step_allocates_nothing_that_grows(name: str) -> None:
    grads = [np.ones(2_000_000, np.float32), np.ones((1000, 2000), np.float32).T]
    params = [np.zeros_like(grads[0]), np.zeros((2000, 1000), np.float32)]
    opt = fastopt.get(name, params, backend="native")
    for _ in range(2):  # after the second one, references are counted
        take_step(opt, grads)
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    take_step(opt, grads)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert peak < 10_000  # bytes, for 16,000,000 of gradients; NumPy reports its arrays here
    assert grown < 1_000  # KiB: what C++ may have taken


EVERYTHING: dict[str, Any] = {
    "global_clipnorm": 1.0,
    "clipvalue": 0.5,
    "nonfinite": "skip",
    "loss_scale": "dynamic",
    "weight_decay": 0.1,
    "zero_grads": True,
    "cast_grads": True,
    "ema": 0.9,
    "ema_bias_correction": True,
    "lookahead_steps": 2,
    "gradient_accumulation_steps": 2,
}


@pytest.mark.parametrize("stats", [False, True])
def test_a_native_step_with_everything_on_allocates_nothing_that_grows(stats: bool) -> None:
    grads: list[Any] = [
        np.ones(2_000_000, np.float32),
        np.ones((1000, 2000), np.float32).T,
        np.ones(2_000_000, np.float64),
        np.ones((2000, 1000), np.float16),
    ]
    params = [np.zeros(g.shape, np.float32) for g in grads]
    copies = [np.zeros_like(p, np.float16 if i % 2 else np.uint16) for i, p in enumerate(params)]
    opt = fastopt.AdamW(params, cast_to=copies, stats=stats, backend="native", **EVERYTHING)
    for act in (opt.step, opt.accumulate, opt.accumulate):
        act(grads)
    for act in (opt.step, opt.accumulate, opt.accumulate):
        for g in grads:
            g[...] = 0.5
        tracemalloc.start()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        act(grads)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert peak < 30_000  # bytes, for 44,000,000 of gradients
        assert grown < 1_000  # KiB
    with opt.averaged():
        pass
    tracemalloc.start()
    with opt.averaged():
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # a piece at a time


@pytest.mark.parametrize("size", [0, 1, 5, 16, 1000, 300_000])
@pytest.mark.parametrize("offset", range(0, 64, 4))
def test_state_lies_at_the_phase_of_its_parameter(size: int, offset: int) -> None:
    raw = np.zeros(size * 4 + 128, np.uint8)
    p = raw[offset : offset + 4 * size].view(np.float32)
    room = Arena()
    for number in range(3):
        state = room.like(p, 0.0, number)
        assert state.shape == p.shape
        assert state.dtype == p.dtype
        assert size == 0 or (state.ctypes.data - p.ctypes.data) % LINE == 0


def test_state_has_the_order_of_its_parameter() -> None:
    p = np.zeros((3, 5, 2), order="F")
    state = Arena().like(p, 1.5, 0)
    assert state.strides == p.strides
    assert (state == 1.5).all()
