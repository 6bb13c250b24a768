"""Parameters of 16 bits and states in few bits: the same bits on every backend, whatever is asked."""

import functools
from typing import Any

import numpy as np
import pytest
from support.formats import EIGHT, FORMATS, differing, gradients, model, written
from support.variants import Options

import fastopt
from fastopt import backends
from fastopt.registry import optimizer_class
from fastopt.runtime.extension import native

STEPS = 4
COMPILED = [name for name in ("native", "numba") if not backends.backend(name).why_not()]
LEVELS = native.runnable_levels() if native else []

RULES: dict[str, tuple[str, Options]] = {
    "adam": ("adam", {}),
    "amsgrad": ("adam", {"amsgrad": True, "amsgrad_corrected": False}),
    "adamw": ("adamw", {"weight_decay": 0.05}),
    "momentum": ("sgd", {"momentum": 0.9, "dampening": 0.1}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    "no states": ("sgd", {}),
    "exact states": ("adagrad", {}),
    "a norm of each": ("lars", {"momentum": 0.9}),
    "spread": ("adafactor", {}),
}
AROUND: dict[str, Options] = {
    "coupled": {"weight_decay": 0.05, "decoupled_weight_decay": False, "maximize": True},
    "decoupled": {"weight_decay": 0.05, "decoupled_weight_decay": True},
    "after": {"weight_decay": 0.05, "decoupled_weight_decay": "after"},
    "cautious": {
        **{"weight_decay": 0.05, "decoupled_weight_decay": True},
        **{"cautious_weight_decay": True, "cautious": True},
    },
    "l1": {"l1": 0.02, "weight_decay": 0.05, "decoupled_weight_decay": "proximal"},
    "clipvalue": {"clipvalue": 0.4},
    "clipnorm": {"clipnorm": 0.7},
    "global_clipnorm": {"global_clipnorm": 3.0, "stats": True},
    "loss_scale": {"loss_scale": 3.0, "nonfinite": "skip"},
    "dynamic": {"loss_scale": "dynamic"},
    "zero_grads": {"zero_grads": True},
    "cast_grads": {"cast_grads": True},
    "stats": {"stats": True},
    "ema": {"ema": 0.9, "ema_bias_correction": True},
    "swa": {"swa_start": 1, "swa_every": 2},
    "lookahead": {"lookahead_steps": 2, "lookahead_alpha": 0.3},
    "flushed": {"flush_subnormals": True},
    "accumulated": {"gradient_accumulation_steps": 2},
    "scheduled": {"lr": lambda step: 0.01 / (step + 1)},
    "portions": {"mask": "drawn", "lr_scale": "drawn"},
    "portions of a pull": {"mask": "drawn", "lr_scale": "drawn", "lookahead_steps": 1, "ema": 0.5},
    "all": {"ema": 0.9, "lookahead_steps": 2, "zero_grads": True, "global_clipnorm": 3.0, "l1": 0.02},
}


def drawn(dtype: Any, kind: str) -> dict[str, Any]:
    """Portions of some parameters: for each element, for each column."""
    rng = np.random.default_rng(5)
    if kind == "mask":
        return {"w": rng.random((37, 53)) < 0.5, "f": rng.random((1, 31)) < 0.5, "long": None}
    whole = rng.choice([0.0, 0.5, 1.0, 2.0], 5003)
    return {"w": np.full((37, 1), 0.25), "f": None, "long": whole}


def made(
    name: str, form: str, options: Options, backend: str = "numpy", seed: int = 0
) -> tuple[fastopt.Optimizer, dict[str, Any]]:
    dtype, stored = FORMATS[form]
    if not optimizer_class(name).facts.few_bits:
        stored = {k: v for k, v in stored.items() if k not in EIGHT}
    params = model(dtype, seed)
    given = {k: drawn(dtype, k) if v == "drawn" else v for k, v in options.items()}
    for key in ("mask", "lr_scale"):
        if key in given:
            own = np.bool_ if key == "mask" else np.float32
            given[key] = {
                n: None if given[key].get(n) is None else given[key][n].astype(own) for n in params
            }
    return fastopt.get(name, params, backend=backend, **{**stored, **given}), params


def low(dtype: Any, options: Options, step: int) -> dict[str, Any]:
    """Gradients of 16 bits and of 32 in turns, as both are taken; of any format, if they are cast."""
    kinds = [dtype, np.float32, np.float16, np.float64]
    kind = kinds[step % (4 if options.get("cast_grads") else 2)]
    found = gradients(kind, step)
    if options.get("zero_grads"):
        found["long"] = None if found["long"] is None else np.ascontiguousarray(found["long"])
    return found


def train(rule: str, form: str, around: Options, backend: str) -> dict[str, Any]:
    name, own = RULES[rule]
    options = {**own, **around}
    opt, _params = made(name, form, options, backend)
    grads = {}
    with np.errstate(all="ignore"):
        for step in range(STEPS):
            grads = low(FORMATS[form][0], options, step)
            if around.get("gradient_accumulation_steps"):
                opt.accumulate(grads)
            else:
                if around.get("nonfinite") and step == 2:
                    grads["b"][...] = np.inf
                opt.step(grads)
    found = {k: np.array(v) for k, v in written(opt).items()}
    found.update({f"gradient of {k}": np.array(g) for k, g in grads.items() if g is not None})
    if around.get("stats"):
        found["report"] = np.array(opt.report(), float)
    norm = opt.grad_norm
    found["numbers"] = np.array([opt.skipped, -1.0 if norm is None else norm], float)
    return found


@functools.cache
def wanted(rule: str, form: str, around: str) -> dict[str, Any]:
    return train(rule, form, AROUND.get(around, {}), "numpy")


# What Numba compiles is the same loop for every format.
EACH_RULE = [
    (rule, form, backend)
    for rule, (name, _) in RULES.items()
    for form, (dtype, _) in FORMATS.items()
    for backend in COMPILED
    if dtype is not np.float32 or optimizer_class(name).facts.few_bits
    if backend == "native" or rule in ("adam", "momentum")
]


@pytest.mark.parametrize(("rule", "form", "backend"), EACH_RULE)
def test_each_rule(rule: str, form: str, backend: str) -> None:
    assert differing(train(rule, form, {}, backend), wanted(rule, form, "")) == []


@pytest.mark.skipif("native" not in COMPILED, reason="the native backend is not here")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("around", AROUND)
def test_what_rides_along(around: str, form: str) -> None:
    assert differing(train("adam", form, AROUND[around], "native"), wanted("adam", form, around)) == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", FORMATS)
def test_each_instruction_set(form: str, level: str) -> None:
    assert native is not None
    before = native.level_in_use()
    try:
        native.use_level(level)
        for around in ("", "all", "portions of a pull"):
            found = train("adam", form, AROUND.get(around, {}), "native")
            assert differing(found, wanted("adam", form, around)) == [], around
    finally:
        native.use_level(before)


@pytest.mark.skipif("native" not in COMPILED, reason="the native backend is not here")
@pytest.mark.parametrize("form", ["split", "float16", "noise, 8 bits", "8 bits"])
def test_any_number_of_threads(form: str) -> None:
    """So long that seven threads have some chunks each."""
    dtype, options = FORMATS[form]
    drawn = np.random.default_rng(1).standard_normal(1_000_003).astype(np.float32)
    before, results = fastopt.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 7):
            fastopt.set_num_threads(threads)
            p = drawn.astype(dtype)
            opt = fastopt.Adam({"w": p}, backend="native", **options)
            for step in range(2):
                opt.step({"w": drawn * np.float32(step + 0.5)})
            results.append(written(opt))
    finally:
        fastopt.set_num_threads(before)
    for found in results[1:]:
        assert differing(found, results[0]) == []


@pytest.mark.skipif("native" not in COMPILED, reason="the native backend is not here")
@pytest.mark.parametrize("form", ["split", "float16", "noise, 8 bits", "8 bits"])
def test_every_size(form: str) -> None:
    dtype, options = FORMATS[form]
    rng = np.random.default_rng(0)
    start = {f"p{n}": rng.standard_normal(n).astype(dtype) for n in range(1, 301)}
    grads = {name: rng.standard_normal(p.shape).astype(np.float32) for name, p in start.items()}
    found = []
    for backend in ("numpy", "native"):
        params = {name: p.copy() for name, p in start.items()}
        opt = fastopt.Adam(params, backend=backend, **options)
        for _ in range(2):
            opt.step(grads)
        found.append(written(opt))
    assert differing(found[1], found[0]) == []
