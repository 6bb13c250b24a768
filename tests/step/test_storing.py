"""Parameters of 16 bits and states in few bits: the same bits on every backend, whatever is asked."""

import copy
import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.by_hand import bfloat16, same
from support.formats import EIGHT, FORMATS, differing, gradients, model, written
from support.variants import Options

import fastopt
from fastopt import backends
from fastopt.numerics import STORAGES
from fastopt.registry import optimizer_class
from fastopt.runtime.extension import native
from fastopt.state import keep, put_back
from fastopt.step import core_of

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


def master(opt: fastopt.Optimizer, name: str, p: Any) -> Any:
    """What a parameter is in 32 bits."""
    storage = STORAGES["master" if p.dtype == np.float16 else "split"]
    rest = states(opt)[name]["master"]
    order: Any = "C" if p.flags.c_contiguous else "F"
    found = storage.decoded(p.ravel(order).view(storage.bits), rest.ravel(order))
    return found.reshape(p.shape, order=order)


def states(opt: fastopt.Optimizer) -> dict[str, dict[str, Any]]:
    bound = core_of(opt).bound
    return dict(zip(bound.parameters.names, bound.states, strict=True))


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


@pytest.mark.parametrize("form", ["split", "noise", "8 bits", "bfloat16 states"])
def test_other_parameters_change_no_bits(form: str) -> None:
    """Neither how many there are nor where a parameter stands; a name of its own rounds otherwise."""
    dtype, options = FORMATS[form]
    found = []
    for names in (("w", "f", "long"), ("long", "row", "b", "w"), ("w",)):
        whole = model(dtype)
        params = {name: whole[name] for name in names}
        opt = fastopt.Adam(params, **options)
        for step in (0, 1):
            grads = gradients(np.float32, step)
            opt.step({name: grads[name] for name in names})
        found.append({k: v for k, v in written(opt).items() if k.split()[-1] == "w"})
    for other in found[1:]:
        assert differing(other, found[0]) == []


def two(names: tuple[str, str], **options: Any) -> list[Any]:
    """Train the same array under two names, or with two seeds."""
    found = []
    for name in names:
        p = np.linspace(1.0, 2.0, 512).astype(bfloat16)
        opt = fastopt.SGD({name: p}, lr=1e-4, master_weights=False, **options)
        opt.step({name: np.ones(512, np.float32)})
        found.append(p)
    return found


def test_names_and_seeds_decide_the_noise() -> None:
    a, again = two(("a", "a"))
    assert same(a, again)
    _, b = two(("a", "b"))
    other, _ = two(("a", "a"), rounding_seed=1)
    assert not same(a, b)
    assert not same(a, other)
    nearest, also = two(("a", "b"), rounding_seed=1, stochastic_rounding=False)
    assert same(nearest, also)
    assert same(nearest, np.linspace(1.0, 2.0, 512).astype(bfloat16))  # so that it never moves


def test_steps_that_are_lost_to_nearest_arrive_by_noise() -> None:
    """A tenth of half a last place each: after 1,000 steps, where float32 is, within four errors."""
    p = np.full(4096, 1.0, bfloat16)
    opt = fastopt.SGD({"w": p}, lr=1e-4, master_weights=False)
    for _ in range(1000):
        opt.step({"w": np.ones(4096, np.float32)})
    off = p.astype(float) - 0.9
    # Each step has a variance of at most a quarter of a place, of 2^-8, squared.
    assert abs(off.mean()) < 4 * (1000 * 2.0**-18 / 4096) ** 0.5
    assert off.std() < (1000 * 2.0**-18) ** 0.5


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({"state_dtype": "bfloat16"}, 0.95, 1.05),
        ({"state_dtype": "8bit"}, 0.95, 1.05),
        ({"state_dtype": "bfloat16", "stochastic_rounding": False}, 3.0, 4.0),
        ({"state_dtype": "8bit", "stochastic_rounding": False}, 3.0, 4.0),
    ],
)
def test_second_moments_follow_gradients_that_become_small(
    options: Options, low: float, high: float
) -> None:
    """Which is why noise is the default: rounded to nearest, a mean that decays slowly stays.

    Every second gradient, as a block of 8 bits falls with its largest, however it is rounded.
    """
    rng, size = np.random.default_rng(4), np.ones(4096, np.float32)
    params, single = (np.zeros(4096, np.float32) for _ in range(2))
    opt, twin = fastopt.Adam({"w": params}, **options), fastopt.Adam({"w": single})
    for step in range(4000):
        size[::2] = 1.0 if step < 1500 else 0.1
        g = {"w": rng.standard_normal(4096, np.float32) * size}
        opt.step(g)
        twin.step(g)
    stored = states(opt)["w"]
    if options["state_dtype"] == "8bit":
        v = STORAGES["unsigned8"].decoded(stored["v"], stored["v.scales"])
    else:
        v = STORAGES["bfloat16"].decoded(stored["v"].view(np.uint16), None)
    ratio = np.sqrt(v.astype(float) / states(twin)["w"]["v"])[::2].mean()
    assert low < ratio < high


def as_dict(opt: fastopt.Optimizer, params: Any, make: Any, path: Path) -> Any:
    other = make({name: p.copy(order="K") for name, p in params.items()})
    other.load_state_dict(opt.state_dict())
    return other


def as_file(opt: fastopt.Optimizer, params: Any, make: Any, path: Path) -> Any:
    opt.save(path, params=True)
    other = make({name: np.zeros_like(p) for name, p in params.items()})
    other.load(path)
    return other


def as_pickle(opt: fastopt.Optimizer, params: Any, make: Any, path: Path) -> Any:
    return pickle.loads(pickle.dumps(opt))


def as_copy(opt: fastopt.Optimizer, params: Any, make: Any, path: Path) -> Any:
    return copy.deepcopy(opt)


def as_moment(opt: fastopt.Optimizer, params: Any, make: Any, path: Path) -> Any:
    """Put back what was kept, after a step that has gone astray."""
    moment = keep(opt)
    for p in params.values():
        p[...] = 1.0
    opt.step({name: np.ones_like(p) for name, p in params.items()})
    put_back(opt, moment)
    return opt


def as_parts(opt: fastopt.Optimizer, params: Any, make: Any, path: Path) -> Any:
    """Take a parameter out, and add it again with what it has."""
    state = opt.state_dict()
    array = params["f"]
    opt.remove_params("f")
    opt.add_params({"f": array})
    opt.load_state_dict(state)
    return opt


WAYS = [
    *[(as_dict, ""), (as_file, "a.npz"), (as_file, "a.safetensors"), (as_pickle, "")],
    *[(as_copy, ""), (as_moment, ""), (as_parts, "")],
]


@pytest.mark.parametrize("form", ["split", "float16", "noise, 8 bits", "8 bits", "bfloat16 states"])
@pytest.mark.parametrize(("way", "name"), WAYS, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_resumed_at_every_step(way: Any, name: str, form: str, tmp_path: Path) -> None:
    dtype, options = FORMATS[form]

    def make(params: Any) -> fastopt.Optimizer:
        return fastopt.AdamW(params, ema=0.9, **options)

    def step(opt: fastopt.Optimizer, k: int) -> None:
        opt.step({name: g for name, g in gradients(np.float32, k).items() if name in opt.names})

    params = model(dtype)
    whole = make(params)
    for k in range(3):
        step(whole, k)
    for stop in range(3):
        params = model(dtype)
        opt = make(params)
        for k in range(stop):
            step(opt, k)
        opt = way(opt, params, make, tmp_path / (name or "none"))
        for k in range(stop, 3):
            step(opt, k)
        found, wanted = written(opt), written(whole)
        assert differing({name: found[name] for name in wanted}, wanted) == [], stop


def test_regrouped() -> None:
    """Groups change no bits, where their settings are the same."""
    found = []
    for groups in ({}, {"w": {"lr": 1e-3}, ("f", "b"): {"lr": 1e-3}}):
        dtype, options = FORMATS["noise, 8 bits"]
        opt = fastopt.Adam(model(dtype), lr=1e-3, groups=groups, **options)
        for k in range(3):
            opt.step(gradients(np.float32, k))
        found.append(written(opt))
    assert differing(found[1], found[0]) == []


def test_a_storage_for_each_group() -> None:
    """Each group has its own: what a group asks for is what an optimizer of that alone has."""
    groups = {"w": {"state_dtype": "8bit"}, "long": {"state_dtype": {"v": "bfloat16"}}}
    opt = fastopt.Adam(model(np.float32), groups=groups, min_8bit_size=1)
    alone = {
        name: fastopt.Adam({name: model(np.float32)[name]}, state_dtype=kind, min_8bit_size=1)
        for name, kind in (("w", "8bit"), ("long", {"v": "bfloat16"}), ("f", "float32"))
    }
    for k in range(3):
        grads = gradients(np.float32, k)
        opt.step(grads)
        for name, each in alone.items():
            each.step({name: grads[name]})
    for each in alone.values():
        wanted = written(each)
        assert differing({key: written(opt)[key] for key in wanted}, wanted) == []
    assert [states(opt)[name]["v"].dtype for name in ("w", "long", "f")] == [
        np.uint8,
        np.uint16,
        np.float32,
    ]


def test_small_arrays_stay_in_32_bits() -> None:
    """From `min_8bit_size` elements on, 8 bits; it is for each parameter to have so many."""
    params = {"a": np.zeros(4095, np.float32), "b": np.zeros((64, 64), np.float32)}
    opt = fastopt.Adam(params, state_dtype="8bit")
    opt.step({name: np.ones_like(p) for name, p in params.items()})
    kept = states(opt)
    assert [kept[name]["m"].dtype for name in params] == [np.float32, np.uint8]
    assert kept["b"]["m"].shape == (64, 64)
    assert kept["b"]["m.scales"].shape == (32,)
    assert "m.scales" not in kept["a"]


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


def test_portions_leave_the_bits_of_what_they_hold(backend: str) -> None:
    """No rounding by noise moves what takes nothing of the step."""
    p = np.linspace(1.0, 2.0, 640).astype(bfloat16)
    before, mask = p.copy(), np.arange(640) % 2 == 0
    opt = fastopt.Adam({"w": p}, lr=0.1, mask={"w": mask}, master_weights=False, backend=backend)
    for _ in range(3):
        opt.step({"w": np.ones(640, np.float32)})
    assert same(p[~mask], before[~mask])
    assert (p[mask] != before[mask]).all()


@pytest.mark.parametrize(
    ("saved", "here"), [("float16", np.float32), ("split", np.float32), ("split", np.float16)]
)
def test_a_master_is_loaded_by_its_own_format_alone(saved: str, here: Any) -> None:
    dtype, options = FORMATS[saved]
    opt = fastopt.Adam(model(dtype), **options)
    opt.step(gradients(np.float32, 0))
    other = fastopt.Adam(model(here))
    other.step(gradients(np.float32, 1))
    before = {k: np.array(v) for k, v in written(other).items()}
    with pytest.raises(ValueError, match=r"master of '?w"):
        other.load_state_dict(opt.state_dict())
    assert differing(written(other), before) == []
    if here is np.float32 and saved == "float16":  # whose states are the same
        left = other.load_state_dict(opt.state_dict(), strict=False)
        assert "master of w" in left.unexpected
        assert "master" not in states(other)["w"]
