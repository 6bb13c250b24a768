"""Where arrays lie changes no bit, and nothing but they is written."""

from typing import Any

import numpy as np
from arrays.test_layouts import LAYOUTS
from hypothesis import given
from hypothesis import strategies as st
from support.framed import Framed, guarded
from support.scenes import (
    APART,
    ELEMENTWISE,
    Arrays,
    Gradients,
    Scene,
    assert_same,
    scenes,
    tame,
    written,
)
from support.steps import carried_at_first, take_step

from fastopt import functional

offsets = st.lists(st.integers(0, 15), min_size=4, max_size=4)


def framed(arrays: Gradients, at: list[int]) -> list[Framed]:
    return [Framed(a, at[k % len(at)]) for k, a in enumerate(arrays) if a is not None]


@given(scenes(), offsets)
def test_offset_in_a_buffer(scene: Scene, at: list[int]) -> None:
    params = [each.array for each in framed(scene.params(), at)]
    opt = scene.make(params)
    for k in range(1, 4):
        take_step(opt, [None if g is None else Framed(g, at[k]).array for g in scene.grads(k)])
    assert_same(written(opt, params), scene.train())


# Not with clipnorm: a norm is summed up in the order of memory.
@given(scenes(of=ELEMENTWISE, absent=False), st.data())
def test_layout_of_parameters_and_gradients(scene: Scene, data: st.DataObject) -> None:
    """Parameters in the other order, gradients in any layout."""
    names = data.draw(st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=4, max_size=4))
    layouts = [LAYOUTS[name] for name in names]

    def laid(g: Any, k: int) -> Any:
        with np.errstate(invalid="ignore"):
            return layouts[k % 4](g) if g.size and g.ndim else g

    def elsewhere(p: Any) -> Any:
        return np.array(p, order="C" if p.flags.f_contiguous else "F")

    params, plain = list(map(elsewhere, scene.params())), scene.params()
    opt, wanted = scene.make(params), scene.make(plain)
    for k in range(1, 4):
        grads = [laid(g, i) for i, g in enumerate(scene.grads(k))]
        take_step(opt, grads)
        take_step(wanted, [np.array(g, order="K", copy=True) for g in grads])
    assert_same(written(opt, params), written(wanted, plain))


@given(scenes(), offsets, st.booleans(), st.sampled_from([None, 0.9]))
def test_canaries(scene: Scene, at: list[int], zero_grads: bool, ema: float | None) -> None:
    """Parameters, gradients and copies have canaries on both sides."""
    params = framed(scene.params(), at)
    copies = framed([np.zeros_like(p.array, np.float16) for p in params], at[1:])
    opt = scene.make(
        [p.array for p in params],
        zero_grads=zero_grads,
        ema=ema,
        cast_to=[copy.array for copy in copies],
    )
    for k in range(1, 3):
        grads = [None if g is None else Framed(g, at[2]) for g in scene.grads(k)]
        take_step(opt, [None if g is None else g.array for g in grads])
        for each in [*params, *copies, *(g for g in grads if g is not None)]:
            each.check()


@given(scenes(of=APART, most=1, absent=False), offsets)
def test_canaries_around_states(scene: Scene, at: list[int]) -> None:
    name, options = scene.variant
    params = scene.params()
    opt = scene.make(params)
    (carried,) = carried_at_first(opt)
    state = opt.state["0"].values()
    arrays = framed([params[0], *(a.copy(order="K") for a in state), *scene.grads(1)], at)
    p, *states, g = (each.array for each in arrays)
    initial = {key for key, hyper in opt.hyperparameters.items() if hyper.initial}
    options = {key: value for key, value in options.items() if key not in initial}
    getattr(functional, name)(p, g, *states, t=1, **carried, **options)
    for each in arrays:
        each.check()


@given(scenes(most=3), st.booleans(), st.booleans())
def test_memory_that_cannot_be_touched(scene: Scene, at_end: bool, zero_grads: bool) -> None:
    """Arrays end or begin where the next byte would be a fault, if it were only read."""
    params = [guarded(p, at_end) for p in scene.params()]
    opt = scene.make(params, zero_grads=zero_grads, global_clipnorm=None)
    for k in range(1, 3):
        take_step(opt, [None if g is None else guarded(g, at_end) for g in scene.grads(k)])
    assert_same(written(opt, params), scene.train(steps=2))


@given(scenes(), st.booleans(), st.booleans())
def test_gradients_are_read_alone(scene: Scene, zero_grads: bool, clips: bool) -> None:
    """Not one bit of them changes, unless they are to be zeroed: then all are +0."""
    opt = scene.make(scene.params(), zero_grads=zero_grads)
    if clips and opt.clipnorm is None:  # an option, or what a dialect means
        opt.global_clipnorm = 1.0
    for k in range(1, 3):
        grads = scene.grads(k)
        for g in grads:
            if g is not None:
                g.setflags(write=zero_grads)
        before = [None if g is None else g.tobytes() for g in grads]
        take_step(opt, grads)
        for g, was in zip(grads, before, strict=True):
            if g is not None:
                assert g.tobytes() == (bytes(g.nbytes) if zero_grads else was)


def places(arrays: Arrays) -> list[Any]:
    return [(a.__array_interface__["data"], a.shape, a.strides, a.dtype) for a in arrays]


@given(
    scenes(values=[tame]),
    st.sampled_from([{}, {"ema": 0.9}, {"lookahead_steps": 2}, {"nonfinite": "skip"}]),
)
def test_arrays_stay_what_and_where_they_are(scene: Scene, settings: dict[str, Any]) -> None:
    """Neither a step nor a state that is put back makes another array of any."""
    params = scene.params()
    container = {"all": params}
    items = list(params)
    opt = scene.make(container, **settings)

    before = places(written(opt, params))
    for k in range(1, 4):
        take_step(opt, {"all": scene.grads(k)})
        assert places(written(opt, params)) == before
    opt.load_state_dict(opt.state_dict())
    assert [p is was for p, was in zip(params, items, strict=True)] == [True] * len(items)
    assert places(params) == before[: len(params)]
