"""Any model and any values: the same bits on every backend, instruction set and number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.formats import FORMATS, differing
from support.formats import written as stored
from support.scenes import VARIANTS, Scene, assert_same, scenes
from support.steps import take_step
from support.variants import ANY_SHAPE

import fastopt
from fastopt.registry import optimizer_class
from fastopt.runtime.extension import native

LEVELS = native.runnable_levels() if native else []
# Numba compiles each rule for some time; tests/numerics/test_bits.py has them all.
SOME = [next(v for v in VARIANTS if v[0] == name) for name in ANY_SHAPE][::3]
# Not those that say that they do not go with it: estimates, and RMSprop that is centered.
FEW_BITS = [
    v
    for v in VARIANTS
    if optimizer_class(v[0]).facts.few_bits
    and not optimizer_class(v[0]).takes_estimate
    and not v[1].get("centered")
]


@contextmanager
def at_level(name: str) -> Iterator[None]:
    assert native is not None
    before = native.level_in_use()
    native.use_level(name)
    try:
        yield
    finally:
        native.use_level(before)


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    before = fastopt.get_num_threads()
    fastopt.set_num_threads(count)
    try:
        yield
    finally:
        fastopt.set_num_threads(before)


@given(scenes())
def test_native_and_numpy(scene: Scene) -> None:
    assert_same(scene.train(backend="native"), scene.train(backend="numpy"))


@given(scenes(of=SOME))
def test_native_and_numba(scene: Scene) -> None:
    assert_same(scene.train(backend="numba"), scene.train(backend="native"))


@given(scenes())
def test_every_level(scene: Scene) -> None:
    with at_level(LEVELS[0]):
        wanted = scene.train()
    for name in LEVELS[1:]:
        with at_level(name):
            assert_same(scene.train(), wanted)


@given(scenes(of=FEW_BITS, most=12), st.sampled_from(list(FORMATS)))
def test_few_bits(scene: Scene, form: str) -> None:
    dtype, options = FORMATS[form]
    scene = replace(scene, dtypes=[np.float32] * len(scene.dtypes))
    found = []
    for backend in ("native", "numpy"):
        with np.errstate(all="ignore"):
            params = [p.astype(dtype) for p in scene.params()]
        opt = scene.make(params, backend=backend, **options)
        for k in range(1, 4):
            take_step(opt, scene.grads(k))
        found.append(stored(opt))
    assert differing(*found) == []


@given(scenes(most=4), st.integers(1, 8), st.integers(2, 7))
def test_any_number_of_threads(scene: Scene, size: int, threads: int) -> None:
    """One array is so long that a thread is worth it for each MiB of its streams."""
    scene = replace(scene, shapes=[(size * 2**15 + 1,), *scene.shapes[1:]])
    with on_threads(1):
        wanted = scene.train(steps=2)
    with on_threads(threads):
        assert_same(scene.train(steps=2), wanted)
