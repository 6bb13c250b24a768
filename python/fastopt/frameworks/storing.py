"""States in few bits, which other frameworks do not have: decoded on the way there, encoded here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Values
from fastopt.arrays import flat, shaped
from fastopt.model import MASTER, SCALES, Storages, beside, encoded, storages
from fastopt.numerics import STORAGES, computed, is_low

Arrays = Mapping[str, Any]


def storages_in(opt: Any, h: Values, p: NDArray[Any]) -> Storages:
    """Return how a parameter and its states are stored, with these hyperparameters."""
    return storages(type(opt), h, opt.rule_for(h), opt.settings, p)


def decoded(opt: Any, h: Values, arrays: Arrays, p: NDArray[Any]) -> dict[str, Any]:
    """Return the states of a parameter as they are computed in; what its array lacks stays here.

    What lies beside the states, such as averages, has a star in its name, and stays, too.
    """
    how, found = storages_in(opt, h, p), {}
    for name, array in arrays.items():
        if name.startswith("*") or name == MASTER or name.endswith(SCALES):
            continue
        there = beside(name, how, arrays)
        if there is not None:
            storage, scales = STORAGES[there[0]], there[1]
            values = storage.decoded(flat(array, p).view(storage.bits), scales)
            array = shaped(values, p)
        found[name] = array
    return found


def widened_states(arrays: Arrays, p: NDArray[Any]) -> dict[str, Any]:
    """Return the states of a framework that has those of 16 bits for a parameter of 16 bits."""
    if not is_low(p.dtype):
        return dict(arrays)
    dtype = computed(p.dtype)
    low = {key for key, a in arrays.items() if isinstance(a, np.ndarray) and is_low(a.dtype)}
    return {key: a.astype(dtype) if key in low else a for key, a in arrays.items()}


def stored(opt: Any, h: Values, arrays: Arrays, kept: Arrays, p: NDArray[Any]) -> dict[str, Any]:
    """Return states of a framework as they are stored here, rounded to nearest.

    Of `kept`, the arrays that are here, stays what lies beside the states, and what parameters of 16
    bits lack, as their values are left alone.
    """
    how = storages_in(opt, h, p)
    found = {key: a for key, a in kept.items() if key.startswith("*")}
    if is_low(p.dtype) and opt.settings["master_weights"] and arrays:
        found[MASTER] = kept.get(MASTER, encoded(MASTER, 0.0, how, p))
    for name, array in arrays.items():
        found[name] = encoded(name, array, how, p) if name in how else array
        if name in how and STORAGES[how[name]].beside is not None:
            found[name + SCALES] = encoded(name + SCALES, array, how, p)
    return found
