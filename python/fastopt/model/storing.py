"""The storage of parameters in 16 bits, and of states in 16 or 8: what an optimizer was asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Algorithm, Rule, Values
from fastopt.arrays import Form, flat, shaped
from fastopt.model.stored import Stored
from fastopt.numerics import STORAGES, computed, is_low, widened

MASTER = "master"  # what a parameter of 16 bits is, less what its array has
SCALES = ".scales"  # after the name of a state of 8 bits
PARAMETER = ""  # among the storages of states
SETTINGS = ("master_weights", "stochastic_rounding", "rounding_seed", "min_8bit_size")

Storages = Mapping[str, str]  # by the name of a state: that of one of STORAGES


def storages(
    kind: type[Algorithm], h: Values, rule: Rule, settings: Mapping[str, Any], p: NDArray[Any]
) -> Storages:
    """Return how a parameter and its states are stored, where that is not as they are computed in."""
    found = {}
    if is_low(p.dtype):
        low = "split" if settings["master_weights"] else "bfloat16"
        found[PARAMETER] = "master" if p.dtype == np.float16 else low
    asked = h.state_dtype
    if asked == "float32" or computed(p.dtype) != np.float32:
        return found
    for name in rule.kept:
        sign = kind.facts.few_bits.get(name)
        wanted = asked if isinstance(asked, str) else asked.get(name, "float32")
        if sign and wanted == "bfloat16":
            found[name] = wanted
        elif sign and wanted == "8bit" and p.size >= settings["min_8bit_size"]:
            found[name] = f"{sign}8"
    return found


def forms_of(
    kind: type[Algorithm], h: Values, rule: Rule, settings: Mapping[str, Any], p: NDArray[Any]
) -> dict[str, Form]:
    """Return the forms of states that have not that of a parameter as it is computed in."""
    dtype = computed(p.dtype)
    found = {name: Form(shape, dtype) for name, shape in kind.shapes(h, p).items()}
    for name, stored in storages(kind, h, rule, settings, p).items():
        storage = STORAGES[stored]
        if name != PARAMETER:
            found[name] = Form(p.shape, storage.bits)
        if storage.beside is not None:
            shape = p.shape if storage.shared == 1 else (-(-p.size // storage.shared),)
            found[_beside(name)] = Form(shape, storage.beside)
    return found


def _beside(name: str) -> str:
    return MASTER if name == PARAMETER else name + SCALES


def stands_beside(name: str) -> bool:
    """Return whether an array of the state is there for how another is stored alone."""
    return name == MASTER or name.endswith(SCALES)


def encoded(name: str, fill: Any, how: Storages, p: NDArray[Any]) -> Any:
    """Return what an array of the state begins with, where `fill` is what a state does."""
    if name == MASTER:
        return widened(p) if how[PARAMETER] == "master" else 0.0
    state = name.removesuffix(SCALES)
    if state not in how or (type(fill) is float and fill == 0.0):
        return fill
    values = np.broadcast_to(np.asarray(fill, np.float32), p.shape)
    bits, scales = STORAGES[how[state]].encoded(flat(np.array(values, order="K"), p), None)
    return shaped(bits, p) if name == state else scales


def beside(name: str, how: Storages, states: Mapping[str, NDArray[Any]]) -> tuple[str, Any] | None:
    """Return how a stream is stored, and what stands beside its elements; None where it is not."""
    if name not in how:
        return None
    has = STORAGES[how[name]].beside is not None
    return how[name], states[_beside(name)] if has else None


def shown(how: Storages, states: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return views of the states of a parameter; of 8 bits with their scales, as one."""
    found: dict[str, Any] = {}
    for name, array in states.items():
        stored = how.get(name)
        if stored == "bfloat16":
            found[name] = as_bfloat16(array)
        elif stored is not None:
            found[name] = Stored(stored, array.view(), states[name + SCALES].view())
        elif name.removesuffix(SCALES) not in how:
            found[name] = array.view()
    return found


def as_bfloat16(bits: NDArray[Any]) -> NDArray[Any]:
    """View bits as bfloat16, where there is a library that has it; else as they are."""
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        return bits.view()
    return bits.view(bfloat16)


def seed_of(settings: Mapping[str, Any], name: str) -> int | None:
    """Return what a parameter is rounded by; None to round to nearest."""
    if not settings["stochastic_rounding"]:
        return None
    import hashlib  # which takes two milliseconds to import

    text = f"{settings['rounding_seed']} {name}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
