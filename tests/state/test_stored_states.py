"""States in few bits, and masters: every way to resume, and what is no state of these."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.formats import FORMATS, differing, gradients, model, states, written

import fastopt
from fastopt.state import keep, put_back


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
