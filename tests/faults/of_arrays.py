"""Every fault of an array, wherever an optimizer is given arrays: see the functions for where."""

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from support.hashing import digest_with_identities as digest
from support.variants import FOUNDING

import fastopt
from faults import SHAPE, Array, Fault, objects
from faults import arrays as wrong
from faults.guarded import empty
from faults.scene import NAMES, Scene, arrays, good
from faults.tally import Tally

PARAMETER = [
    *(*objects.OBJECTS, objects.NUMPY_SCALAR),
    *(*wrong.DTYPES, wrong.BITS, *wrong.LAYOUTS, *wrong.HUGE_BY_STRIDE),
]
GRADIENT = [
    *(*objects.UNREADABLE, *objects.KNOWN_CONTAINERS),
    *(*wrong.DTYPES, *wrong.NARROW, wrong.OTHER_FLOAT, *wrong.SHAPES),
]
COPY = [
    *(*objects.OBJECTS, *objects.KNOWN_CONTAINERS, objects.NUMPY_SCALAR, objects.NOTHING),
    *(*wrong.DTYPES, wrong.OTHER_FLOAT),
    *(*wrong.SHAPES, *wrong.LAYOUTS, wrong.FORTRAN),
]
# What is loaded is copied: any layout will do.
DTYPES = [*wrong.DTYPES, *wrong.NARROW, wrong.OTHER_FLOAT]
LOADED = [
    *(*objects.OBJECTS, *objects.KNOWN_CONTAINERS, objects.NUMPY_SCALAR, objects.NOTHING),
    *(*DTYPES, *wrong.SHAPES),
]


def run(tally: Tally, backend: str) -> None:
    for k, algorithm in enumerate(FOUNDING):
        tally.begin(k)
        dtype = (np.float32, np.float64)[k % 2]
        where = f"{algorithm} on {backend}, {np.dtype(dtype)}"
        of_parameters(tally, algorithm, backend, dtype, where)
        scene = Scene(algorithm, backend, dtype)
        of_gradients(tally, scene, where)
        of_copies(tally, scene, where)
        of_states(tally, scene, where)
        edited(tally, scene, where)
        if not scene.goes_on():
            tally.changed.append(f"what came after, {where}")


def placed(fault: Fault, dtype: Any, k: int) -> tuple[dict[str, Any], str]:
    """Put what is bad in the place of one of three good arrays."""
    name = NAMES[k % len(NAMES)]
    return {**arrays(20, dtype), name: fault.make(good(23, dtype))}, name


def of_parameters(tally: Tally, algorithm: str, backend: str, dtype: Any, where: str) -> None:
    for k, fault in enumerate(PARAMETER):
        params, name = placed(fault, dtype, k)
        tally.refuses(
            "a parameter",
            fault.name,
            where,
            lambda params=params: fastopt.get(algorithm, params, backend=backend),  # type: ignore[misc]
            fault.error,
            (f"'{name}", *fault.words),
            lambda params=params: digest(params),  # type: ignore[misc]
        )


def of_gradients(tally: Tally, scene: Scene, where: str) -> None:
    def bind(grads: Any) -> object:
        params = arrays(0, scene.dtype)
        return fastopt.get(scene.algorithm, params, backend=scene.backend, grads=grads)

    acts = {
        "a gradient": scene.opt.step,
        "a gradient that is added": scene.opt.accumulate,
        "a bound gradient": bind,
    }
    for kind, act in acts.items():
        for k, fault in enumerate(GRADIENT):
            grads, name = placed(fault, scene.dtype, k)
            tally.refuses(
                kind,
                fault.name,
                where,
                lambda act=act, grads=grads: act(grads),  # type: ignore[misc]
                fault.error,
                (f"the gradient of '{name}'", *fault.words),
                lambda grads=grads: digest(scene.opt, grads),  # type: ignore[misc]
            )


def of_copies(tally: Tally, scene: Scene, where: str) -> None:
    for k, fault in enumerate(COPY):
        params, name = arrays(0, scene.dtype), NAMES[k % len(NAMES)]
        copies: dict[str, Any] = {n: empty(SHAPE, np.float16) for n in NAMES}
        is_layout = fault in wrong.LAYOUTS or fault is wrong.FORTRAN
        copies[name] = fault.make(good(23, np.float16 if is_layout else scene.dtype))
        error = TypeError if fault in wrong.SHAPES else fault.error  # of its dtype, which is seen first

        def make(params: Any = params, copies: Any = copies) -> object:
            return fastopt.get(scene.algorithm, params, backend=scene.backend, cast_to=copies)

        tally.refuses(
            "a copy",
            fault.name,
            where,
            make,
            error,
            (f"'{name}' in cast_to",),
            lambda params=params, copies=copies: digest(params, copies),  # type: ignore[misc]
        )


def loaded_keys(scene: Scene) -> Iterator[str]:
    yield from scene.opt.state["a"]
    yield from ("*average", "*slow", "*accumulated")


def of_states(tally: Tally, scene: Scene, where: str) -> None:
    state = scene.opt.state_dict(copy=False)
    for key in loaded_keys(scene):
        kind = "a state" if not key.startswith("*") else f"the {key[1:]}"
        for k, fault in enumerate(LOADED):
            name = NAMES[k % len(NAMES)]
            bad: dict[str, Any] = copy.copy(state)
            entry = state["parameters"][name]
            found = {**entry["arrays"], key: fault.make(good(23, scene.dtype))}
            bad["parameters"] = {**state["parameters"], name: {**entry, "arrays": found}}
            tally.refuses(
                kind,
                fault.name,
                f"{key}, {where}",
                lambda bad=bad: scene.opt.load_state_dict(bad),  # type: ignore[misc]
                ValueError if fault in DTYPES else fault.error,
                (f"of '{name}'",),
                lambda: digest(scene.opt),
            )


# What can become of an array behind the optimizer's back, and how it is undone.


def read_only(a: Array) -> None:
    a.setflags(write=False)


def retyped(a: Any) -> None:
    a.dtype = np.dtype(f"i{a.itemsize}")


def reshaped(a: Any) -> None:
    a.shape = SHAPE[::-1]


def foreign(a: Any) -> None:
    a.dtype = a.dtype.newbyteorder()


def restrided(a: Any) -> None:
    a.strides = (a.itemsize, a.itemsize)


EDITS = [read_only, retyped, reshaped, foreign, restrided]


def edited(tally: Tally, scene: Scene, where: str) -> None:
    opt = scene.opt
    grads = arrays(20, scene.dtype)
    for k, edit in enumerate(EDITS):
        name = NAMES[k % len(NAMES)]
        a = opt.params[name]
        dtype, strides = a.dtype, a.strides
        is_dtype = edit in (retyped, foreign)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy is about to give up some of these
            edit(a)
            for act in (opt.step, opt.accumulate):
                tally.refuses(
                    "a parameter behind its back",
                    edit.__name__,
                    f"{act.__name__}, {where}",
                    lambda act=act: act(grads),  # type: ignore[misc]
                    TypeError if is_dtype else ValueError,
                    (f"'{name}'",),
                    lambda: digest(opt, grads),
                )
            a.dtype, a.shape = dtype, SHAPE
            a.strides = strides
            a.setflags(write=True)
