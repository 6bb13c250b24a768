"""Optimizers whose parameters or states are stored in few bits: what is tried with each format."""

from typing import Any

import numpy as np

import fastopt
from fastopt.step import core_of
from support.by_hand import Array, bfloat16, same, values
from support.variants import Options

Format = tuple[Any, Options]  # the dtype of parameters, and what the optimizer is asked for

EIGHT = {"state_dtype": "8bit", "min_8bit_size": 1}
FORMATS: dict[str, Format] = {
    "split": (bfloat16, {}),
    "float16": (np.float16, {}),
    "noise": (bfloat16, {"master_weights": False, "rounding_seed": 3}),
    "nearest": (bfloat16, {"master_weights": False, "stochastic_rounding": False}),
    "bfloat16 states": (np.float32, {"state_dtype": "bfloat16"}),
    "8 bits": (np.float32, EIGHT),
    "8 bits, nearest": (np.float32, {**EIGHT, "stochastic_rounding": False}),
    "split, 8 bits": (bfloat16, EIGHT),
    "noise, 8 bits": (bfloat16, {**EIGHT, "master_weights": False}),
}
SHAPES: dict[str, tuple[int, ...]] = {
    "w": (37, 53),
    "f": (20, 31),
    "b": (),
    "none": (0, 3),
    "long": (5003,),
    "row": (1, 129),
}


def model(dtype: Any, seed: int = 0) -> dict[str, Array]:
    """Parameters of both orders, of no dimension and of no element, of a tile and of some."""
    found = {
        name: np.asarray(values(shape, np.float32, seed + k))
        for k, (name, shape) in enumerate(SHAPES.items())
    }
    found["f"] = np.asfortranarray(found["f"])
    return {name: p.astype(dtype) for name, p in found.items()}


def gradients(dtype: Any, step: int) -> dict[str, Any]:
    """Gradients, three in another layout than their parameter; one is missing at times."""
    found: dict[str, Any] = model(dtype, 100 * step)
    found["f"] = np.ascontiguousarray(found["f"])
    found["w"] = np.asfortranarray(found["w"])
    found["long"] = np.repeat(found["long"], 2)[::2]
    if step % 3 == 2:
        found[("w", "row")[step % 2]] = None
    return found


def states(opt: fastopt.Optimizer) -> dict[str, dict[str, Array]]:
    """Give the states of each parameter by name, as they are stored."""
    bound = core_of(opt).bound
    return dict(zip(bound.parameters.names, bound.states, strict=True))


def written(opt: fastopt.Optimizer) -> dict[str, Array]:
    """Give all arrays that an optimizer writes, as they are stored."""
    bound = core_of(opt).bound
    found = {}
    for name, p, states in zip(
        bound.parameters.names, bound.parameters.arrays, bound.states, strict=True
    ):
        found[name] = p
        found.update({f"{state} of {name}": array for state, array in states.items()})
    for key, follower in bound.followers.by_key().items():
        arrays = zip(bound.parameters.names, follower.arrays or (), strict=False)
        found.update({f"{key} of {name}": array for name, array in arrays})
    return found


def differing(found: dict[str, Array], wanted: dict[str, Array]) -> list[str]:
    """List the arrays whose bits differ; any NaN equals any other."""
    assert list(found) == list(wanted)
    return [name for name, array in wanted.items() if not same(_read(found[name]), _read(array))]


def _read(array: Array) -> Array:
    """View the bits of bfloat16 as such, of which some are NaN."""
    return array.view(bfloat16) if array.dtype == np.uint16 else array
