"""Parameters and states in few bits: what can be, what the plan is told, and what they hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm import Rule, transforms_of
from fastopt.arrays import flat, shaped
from fastopt.backends import StoredStreams
from fastopt.model import PARAMETER, Group, Scratches, States, Storages, beside, seed_of, storages
from fastopt.numerics import STORAGES, FloatingPointEnvironment, computed, is_low
from fastopt.step.bound import Bound

Array = NDArray[Any]


def storages_of(bound: Bound, rules: Sequence[Rule]) -> Sequence[Storages]:
    """Return how each parameter and its states are stored; nothing where all are as computed in."""
    found = [
        storages(group.kind, group.h, rules[number], bound.settings, p)
        for p, number in zip(bound.parameters.arrays, bound.parameters.group_of, strict=True)
        for group in (bound.groups[number],)
    ]
    return found if any(found) else ()


def stored_streams(
    bound: Bound, rules: Sequence[Rule], states: States, scratch: Scratches
) -> Sequence[StoredStreams | None]:
    """Describe the streams of each parameter to a plan."""
    found: list[StoredStreams | None] = []
    for i, how in enumerate(storages_of(bound, rules)):
        kept = (PARAMETER, *rules[bound.parameters.group_of[i]].kept)
        streams = [beside(name, how, states[i]) for name in kept]
        streams += [None] * (scratch[i] is not None)
        seed = seed_of(bound.settings, bound.parameters.names[i])
        found.append(StoredStreams(tuple(streams), seed) if how else None)
    return found


def decoded(bound: Bound, i: int, names: Sequence[str]) -> list[Array]:
    """Return a parameter and some of its states as they are computed in: themselves, or copies."""
    p, states = bound.parameters.arrays[i], bound.states[i]
    how = bound.how_stored[i]
    arrays = {PARAMETER: p, **{name: states[name] for name in names}}
    return [stored_values(array, beside(name, how, states)) for name, array in arrays.items()]


def masters(bound: Bound) -> Any:
    """Copy the parameters as they are computed in, in containers like theirs."""
    bound.check_arrays()
    found = [np.array(decoded(bound, i, ())[0], order="K") for i in range(len(bound.states))]
    return bound.parameters.tree(found, views=True)


def stored_values(array: Array, how: tuple[str, Any] | None) -> Array:
    """Return what an array holds, as it is computed in."""
    if how is None:
        return array
    storage, rest = STORAGES[how[0]], how[1]
    given = None if rest is None else flat(rest)
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        return shaped(storage.decoded(flat(array).view(storage.bits), given), array)


def check_storing(bound: Bound, rules: Sequence[Rule]) -> None:
    """Raise ValueError for what cannot be stored as it is asked for."""
    parameters, settings = bound.parameters, bound.settings
    for group in bound.groups:
        _check_states(group)
    low = [is_low(p.dtype) for p in parameters.arrays]
    if not settings["master_weights"] and not any(low):
        raise ValueError(
            "master_weights=False leaves out what parameters of 16 bits have besides, and here are "
            "none of 16 bits: leave it out"
        )
    for i, p in enumerate(parameters.arrays):
        group, name = bound.groups[parameters.group_of[i]], parameters.names[i]
        if group.h.state_dtype != "float32" and computed(p.dtype) != np.float32:
            raise ValueError(
                f"state_dtype={group.h.state_dtype!r} stores numbers that are computed in float32, and "
                f"parameter {name!r} is {p.dtype}: give it a group with state_dtype='float32', or make "
                "it float32"
            )
        if low[i]:
            _check_low(bound, group, name, p)


def _check_states(group: Group) -> None:
    """Raise for states that the algorithm has not, or that have to be exact."""
    asked, can, name = group.h.state_dtype, group.kind.facts.few_bits, group.algorithm
    if asked == "float32" or not asked:
        return
    listed = ", ".join(map(repr, can))
    if isinstance(asked, str):
        if not can:
            raise ValueError(
                f"state_dtype={asked!r} stores means in few bits, and {name} has no states that can "
                "be: leave it at 'float32'"
            )
        return
    for state in asked:
        if state not in can:
            raise ValueError(
                f"state_dtype has {state!r}, which is no state of {name} that can be stored in few "
                f"bits: {f'those are {listed}' if can else 'leave it at float32'}"
            )


def _check_low(bound: Bound, group: Group, name: str, p: Array) -> None:
    found, settings = f"parameter {name!r} is {p.dtype}", bound.settings
    single = "make it float32, and give an array of 16 bits as cast_to="
    if p.dtype == np.float16 and not settings["master_weights"]:
        raise ValueError(
            f"{found}, whose range is too small to be rounded into without master_weights=True: leave "
            "that out, or make it ml_dtypes.bfloat16"
        )
    if settings["cast_to"] is not None:
        raise ValueError(
            f"{found}, and what cast_to= is given has 16 bits, too: leave out cast_to=, as the "
            "parameter itself is what the model computes with"
        )
    for what, refused in (
        (f"{group.algorithm} calls functions of its parameters", group.kind.takes_function),
        (f"{group.algorithm} takes estimates", bool(group.kind.takes_estimate)),
        ("gradients are transformed before the step", bool(transforms_of(group.h))),
    ):
        if refused:
            raise ValueError(f"{found}, and {what}, which needs float32 or float64: {single}")


def check_movable(bound: Bound) -> None:
    """Raise TypeError where something is to stand in the place of parameters that have 16 bits."""
    for name, p in zip(bound.parameters.names, bound.parameters.arrays, strict=True):
        if is_low(p.dtype):
            raise TypeError(
                f"parameter {name!r} is {p.dtype}, and nothing else can stand in its place for a time: "
                "compute with copies, such as p.astype(np.float32) or those of opt.ema_state"
            )
