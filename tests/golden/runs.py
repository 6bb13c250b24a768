"""What is hashed: short runs of every algorithm, of the whole step around it, and of smoothing.

A run gives all that it ends with, array by array. It uses no schedule that asks the math library for a
cosine or a power, which differ in the last bit from one library to the next.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from golden.data import Array, extremes, values
from support.by_hand import bfloat16
from support.steps import take_step
from support.variants import ANY_SHAPE, FOUNDING, dialects, known, pairs, products

import fastopt
from fastopt.registry import optimizer_class
from fastopt.schedules import linear
from fastopt.step import core_of

Options = dict[str, Any]
STEPS = 5


class Run(NamedTuple):
    """What is run, with which options."""

    kind: str  # of KINDS
    algorithm: str
    options: Options


def step(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Take steps over ordinary values and extremes; give parameters and states."""

    def arrays(seed: int) -> dict[str, Array]:
        return {"ordinary": values((17, 11), dtype, seed), "extreme": extremes(dtype, seed)}

    params = arrays(0)
    opt = fastopt.get(run.algorithm, params, backend=backend, **run.options)
    for t in range(1, STEPS + 1):
        take_step(opt, arrays(t))
    yield from params.values()
    for state in opt.state.values():
        yield from state.values()


def pipeline(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Take steps with all that can ride along; give every array, and what is said of the steps."""
    shapes: list[tuple[int, ...]] = [(37, 53), (31, 20), (), (0, 3), (5003,)]

    def arrays(seed: int) -> list[Array]:
        found = [values(shape, dtype, 8 * seed + k) for k, shape in enumerate(shapes)]
        return [*found[:1], found[1].T, *found[2:]]

    params = arrays(0)
    copies = [np.zeros_like(p, np.uint16 if k % 2 else np.float16) for k, p in enumerate(params)]
    opt = fastopt.get(
        run.algorithm,
        params,
        backend=backend,
        cast_to=copies,
        cast_grads=True,
        zero_grads=True,
        lr=linear(0.05, steps=4, end=0.01),
        **run.options,
    )
    for t in range(1, STEPS + 1):
        grads: list[Any] = arrays(t)
        grads[0] = np.asfortranarray(grads[0])
        grads[4] = grads[4].astype(np.float16)
        grads[t % 3] = None
        take_step(opt, grads)
        yield np.array([opt.grad_norm, opt.loss_scale, opt.skipped], float)
        yield from np.array(opt.report() if opt.stats else [], float)
        yield from (g for g in grads if g is not None)
    assert not take_step(opt, [np.full_like(p, np.inf) for p in params]), "it skips"
    yield from [*params, *copies]
    for state in opt.state.values():
        yield from state.values()
    yield from opt.swa_state if opt.ema is None else opt.ema_state
    yield from opt.slow_state


def long(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Step over arrays that are cut into many chunks, for several threads."""
    params = [values((n,), dtype, n) for n in (4097, 300_007)]
    opt = fastopt.get(run.algorithm, params, backend=backend, **run.options)
    for t in range(2):
        take_step(opt, [values(p.shape, dtype, t) for p in params])
        yield np.array([opt.grad_norm])
    yield from [*params, *(a for state in opt.state.values() for a in state.values())]


def many(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Step by the norm of many arrays; every second time their squares are out of range."""
    scales = np.array([1.0, 2.0 ** (np.finfo(dtype).maxexp - 12)], dtype)
    params = [values((1, n), dtype, n) for n in range(1, 40)]
    opt = fastopt.get(run.algorithm, params, backend=backend, **run.options)
    for t in range(STEPS):
        take_step(opt, [scales[t % 2] * values(p.shape, dtype, 40 * t + p.size) for p in params])
        yield np.array([opt.grad_norm])
        yield np.array(opt.report(), float)
    yield from params


def perturbed(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Take the gradient where sharpness-aware minimization goes, and a step with the sum of two."""
    p = values((29, 31), dtype, 0)
    options = {"gradient_accumulation_steps": 2, "momentum": 0.9}
    opt = fastopt.get(run.algorithm, p, lr=0.05, backend=backend, **options)
    for t in range(1, 2 * STEPS + 1):
        g = values(p.shape, dtype, t)
        with opt.perturbed(g, **run.options):
            yield p.copy()
            there = p * g
        with opt.at_nesterov_point():
            yield p.copy()
        opt.accumulate(there)
    yield p


def smoothing(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Smooth a signal along its second axis."""
    signal = values((5, 67, 9), dtype, 0)
    yield fastopt.ema(signal, axis=1, backend=backend, **run.options)
    yield fastopt.ema(signal.astype(np.float16), axis=1, backend=backend, **run.options)


def stored(run: Run, dtype: Any, backend: str) -> Iterator[Array]:
    """Step with parameters of a dtype, and states in few bits; give all of it as it is stored."""
    options = {**run.options, "cast_grads": True, "min_8bit_size": 300}
    of = np.dtype({"bfloat16": bfloat16}.get(options["params"], options["params"]))
    shapes: list[tuple[int, ...]] = [(37, 53), (31, 20), (5003,), (7,)]
    params = [values(shape, np.float32, k).astype(of) for k, shape in enumerate(shapes)]
    params[1] = np.asfortranarray(params[1])
    del options["params"]
    opt = fastopt.get(run.algorithm, params, backend=backend, **options)
    for t in range(1, STEPS + 1):
        take_step(opt, [values(p.shape, dtype, 8 * t + k) for k, p in enumerate(params)])
    yield from params
    for state in core_of(opt).bound.states:
        yield from state.values()


KINDS: dict[str, Callable[[Run, Any, str], Iterator[Array]]] = {
    "step": step,
    "pipeline": pipeline,
    "long": long,
    "many": many,
    "perturbed": perturbed,
    "smoothing": smoothing,
    "stored": stored,
}

AROUND: list[Options] = [
    {
        "global_clipnorm": 3.0,
        "clipvalue": 0.4,
        "loss_scale": 3.0,
        "nonfinite": "skip",
        "stats": True,
        "ema": 0.9,
        "lookahead_steps": 2,
        "lookahead_alpha": 0.3,
        "weight_decay": 0.05,
        "maximize": True,
    },
    {
        "clipnorm": 0.7,
        "clipvalue": 0.1,
        "loss_scale": "dynamic",
        "swa_start": 1,
        "swa_every": 2,
        "lookahead_steps": 1,
        "lookahead_alpha": 0.7,
        "weight_decay": 0.05,
        "decoupled_weight_decay": True,
    },
]
CORRECTED: Options = {
    "loss_scale": "dynamic",
    "ema": 0.9,
    "ema_bias_correction": True,
    "lookahead_steps": 3,
    "weight_decay": 0.05,
    "decoupled_weight_decay": "proximal",
    "cautious_weight_decay": True,
    "l1": 0.02,
    "soft_threshold": True,
}
TRANSFORMED: Options = {
    **AROUND[0],
    "grokfast": 0.7,
    "grokfast_alpha": 0.8,
    "orthograd": True,
    "centralize": True,
    "adaptive_clip": 0.05,
}

STORED: list[tuple[str, Options]] = [
    ("adamw", {"params": "bfloat16", "state_dtype": "8bit", "weight_decay": 0.05}),
    (
        "adam",
        {"params": "bfloat16", "master_weights": False, "amsgrad": True, "state_dtype": "bfloat16"},
    ),
    ("adam", {"params": "float32", "state_dtype": "8bit", "stochastic_rounding": False, "ema": 0.9}),
    ("sgd", {"params": "float16", "momentum": 0.9, "state_dtype": "8bit", "global_clipnorm": 3.0}),
    ("sgd", {"params": "bfloat16", "master_weights": False, "rounding_seed": 1 << 40}),
]


def runs() -> list[Run]:
    """List all that the table has to have a row for."""
    smooth: list[Options] = [
        {"beta": beta, "bias_correction": corrected}
        for beta in (0.1, 0.999)
        for corrected in (True, False)
    ]
    steps = [
        variant
        for name, cls in ANY_SHAPE.items()
        for variant in (products if name in FOUNDING else pairs)(cls)
    ]
    return [
        *(Run("step", *variant) for variant in [*steps, *dialects()]),
        *(
            Run("pipeline", name, known(optimizer_class(name), options))
            for name in FOUNDING
            for options in AROUND
        ),
        Run("pipeline", "adamw", CORRECTED),
        Run("pipeline", "sgd", TRANSFORMED),
        Run("pipeline", "lamb", {**TRANSFORMED, "orthograd": False, "centralize": False}),
        Run("long", "adam", {"global_clipnorm": 1.0}),
        Run("many", "sgd", {"global_clipnorm": 3.0, "momentum": 0.9, "stats": True}),
        Run("perturbed", "sgd", {"rho": 0.3}),
        Run("perturbed", "sgd", {"rho": 2.0, "adaptive": True, "eta": 0.02}),
        *(Run("smoothing", "ema", options) for options in smooth),
        *(Run("stored", *each) for each in STORED),
    ]
