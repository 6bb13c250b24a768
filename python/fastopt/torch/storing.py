"""States in few bits as tensors of torch: their names, and what they are made of again."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from fastopt.model import MASTER, SCALES, Storages, Stored, encoded
from fastopt.numerics import computed
from fastopt.torch.checks import SHORT
from fastopt.torch.tensors import Array, Form, array_of

# After the name of a state of 8 bits, so that torch's own classes take it for none of theirs.
CODES = ".codes"


def key_of(name: str, called: Mapping[str, str], how: Storages) -> str:
    """Return what an array of the state is called in torch's, where states are `called` so."""
    state = name.removesuffix(SCALES)
    there = called.get(state, state)
    return there + (SCALES if name != state else CODES if _has_codes(name, how) else "")


def _has_codes(name: str, how: Storages) -> bool:
    return how.get(name, "").endswith("8")


def forget(entry: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Remove from torch's state what stands in it in another form now."""
    for key in entry.keys() - found.keys():
        state = key.removesuffix(SCALES).removesuffix(CODES)
        if key == MASTER or state in found or state + CODES in found:
            del entry[key]


def loaded(
    entry: Mapping[str, Any],
    called: Mapping[str, str],
    like: Mapping[str, Array],
    how: Storages,
    signs: Mapping[str, str],
    p: Any,
    form: Form,
) -> dict[str, Array]:
    """Return what torch has for a parameter as arrays of their own, stored like those that we have.

    Of states that are stored in another way there, the values are stored again, rounded to nearest.
    """
    ours, found = {there: here for here, there in called.items()}, {}
    for key, value in entry.items():
        there = key.removesuffix(CODES)
        name = ours.get(there, there)
        if name not in like and there not in ours:
            continue
        if name == MASTER and _kind_of(value) != like[name].dtype.name:
            continue  # of a parameter that had another dtype
        if key == there:
            needed = like[name] if name in like and name not in how else None
            dtype = computed(form.array.dtype) if needed is None else needed.dtype
            array = _array(value, p, form, dtype)
        else:
            codes = _array(value, p, form, np.uint8)
            scales = _array(entry[there + SCALES], p, form, np.float32)
            if _has_codes(name, how):
                found.update({name: codes, name + SCALES: scales})
                continue
            array = Stored(f"{signs[name]}8", codes, scales).decode()
        found[name] = encoded(name, array, how, form.array) if name in how else array
        if _has_codes(name, how):
            found[name + SCALES] = encoded(name + SCALES, array, how, form.array)
    return found


def _kind_of(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _array(value: Any, p: Any, form: Form, dtype: Any) -> Array:
    """Return a state of torch as an array, which lies as the parameter does where it has its shape."""
    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    value = value.detach().to("cpu")
    if value.shape == p.shape and p.is_complex() and value.is_floating_point():
        value = value.to(p.dtype)
    value = form.given(value)
    given = array_of(value.float() if value.dtype == torch.bfloat16 else value)
    lies = form.array if given.shape == form.array.shape else given
    array = np.empty_like(lies, dtype)
    with np.errstate(all="ignore"):
        np.copyto(array, given, casting="unsafe")
    return array


class Untouched:
    """A tensor of a state that is being loaded, which torch would cast to its parameter's dtype."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


def hide(state_dict: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Hide states of parameters of 16 bits from the cast of torch's ``load_state_dict``."""
    pairs = [
        pair
        for group, saved in zip(groups, state_dict["param_groups"], strict=False)
        for pair in zip(saved["params"], group["params"], strict=False)
    ]
    states = dict(state_dict["state"])
    for key, p in pairs:
        if key in states and p.dtype in SHORT:
            states[key] = {
                name: Untouched(value.to(p.device)) if isinstance(value, torch.Tensor) else value
                for name, value in states[key].items()
            }
    return {**state_dict, "state": states}


def show(states: Mapping[Any, Any]) -> None:
    """Put back in its place what was hidden."""
    for entry in states.values():
        if isinstance(entry, dict):
            for name, value in entry.items():
                if isinstance(value, Untouched):
                    entry[name] = value.tensor
