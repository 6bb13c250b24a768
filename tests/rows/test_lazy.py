"""sparse="lazy" runs the rule on the rows that have a gradient, on every backend with the same bits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.variants import ANY_SHAPE, BY_NORM, STAGES, in_turn, known

import fastopt
from fastopt.runtime import native
from rows.drawn import ROWS, SHAPES, Steps, same, step_all

LEVELS = native.runnable_levels() if native else []
OPTIONS: dict[str, Any] = {"weight_decay": 0.05, "decoupled_weight_decay": True, "clipvalue": 0.8}


class Slices(NamedTuple):
    """What TensorFlow calls a gradient of rows."""

    values: Any
    indices: Any
    dense_shape: Any = None


def taken(opt: Any, gradients: Any) -> Any:
    """Take steps; return the optimizer."""
    step_all(opt, list(gradients))
    return opt


@pytest.mark.skipif(native is None, reason="compares with the extension")
@pytest.mark.parametrize(
    "name", sorted(set(ANY_SHAPE) - BY_NORM - {n for n, c in ANY_SHAPE.items() if c.takes_estimate})
)
def test_every_rule(name: str) -> None:
    steps = Steps(in_turn(name, [np.float32, np.float64]), in_turn(name, SHAPES), name)
    options = known(ANY_SHAPE[name], in_turn(name, STAGES))
    made = [
        fastopt.get(name, steps.params(), sparse="lazy", backend=backend, **options)
        for backend in ("native", "numpy")
    ]
    for g in steps:
        step_all(made[0], [g])
        step_all(made[1], [g])
        assert same(*made)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gathered_rows(shape: Any, backend: str) -> None:
    """The same as `functional` on copies of the rows, with the number of the step of all."""
    steps = Steps(np.float64, shape, "gathered")
    opt = fastopt.Adam(steps.params(), lr=0.1, sparse="lazy", backend=backend, **OPTIONS)
    p = steps.params()["E"]
    whole = [p, np.zeros_like(p), np.zeros_like(p)]
    for t, g in enumerate(steps, 1):
        opt.step(g)
        rows = np.unique(g["E"].indices)
        some = [array[rows] for array in whole]
        dense = g["E"].dense(ROWS)[rows]
        fastopt.functional.adam(some[0], dense, *some[1:], t=t, lr=0.1, backend=backend, **OPTIONS)
        for array, part in zip(whole, some, strict=True):
            array[rows] = part
        found = [opt.params["E"], *(opt.state["E"][name] for name in ("m", "v"))]
        assert all(np.asarray(a).tobytes() == b.tobytes() for a, b in zip(found, whole, strict=True))


@pytest.mark.skipif(native is None, reason="is about threads and instruction sets of the extension")
@pytest.mark.parametrize("length", [1, 4, 16, 64])
def test_threads_and_levels(length: int, level: Callable[[str], None]) -> None:
    rng = np.random.default_rng(length)
    rows = 500_000 // length
    p = rng.standard_normal((rows, length)).astype(np.float32)
    k = rows // 2
    g = fastopt.RowGradient(
        rng.integers(0, rows, k), rng.standard_normal((k, length)).astype(np.float32)
    )
    found = set()
    before = fastopt.get_num_threads()
    try:
        for name, threads in [*((LEVELS[-1], n) for n in range(1, 8)), *((n, 3) for n in LEVELS)]:
            level(name)
            fastopt.set_num_threads(threads)
            opt = fastopt.Adam([p.copy()], sparse="lazy", global_clipnorm=1.0)
            step_all(opt, [[g], [g]])
            found.add((opt.params[0].tobytes(), opt.state["0"]["v"].tobytes(), opt.grad_norm))
    finally:
        fastopt.set_num_threads(before)
    assert len(found) == 1
    dense = fastopt.SGD([p.copy()], global_clipnorm=1.0)
    dense.step([g.dense(rows)])
    assert found.pop()[2] == dense.grad_norm


def test_forms_of_the_same_gradient(backend: str) -> None:
    """Other integers, strides, objects, and values to be cast."""
    steps = Steps(np.float32, (4,), "forms")

    def made() -> Any:
        return fastopt.Adam(steps.params(), sparse="lazy", cast_grads=True, backend=backend)

    expected = taken(made(), steps)
    for form in (
        lambda g: fastopt.RowGradient(g.indices.astype(np.uint8), g.values),
        lambda g: fastopt.RowGradient(np.repeat(g.indices, 2)[::2], np.asfortranarray(g.values)),
        lambda g: fastopt.RowGradient(g.indices, g.values.astype(np.float64)),
        lambda g: Slices(g.values, g.indices),
    ):
        assert same(taken(made(), ({**g, "E": form(g["E"])} for g in steps)), expected)


def test_the_order_of_other_rows_makes_no_difference(backend: str) -> None:
    steps = Steps(np.float32, (4,), "order")
    found = []
    for turn in (slice(None), slice(None, None, -1)):
        opt = fastopt.Adam(steps.params(), sparse="lazy", backend=backend)
        rows, values = np.array([7, 2, 19]), np.arange(12, dtype=np.float32).reshape(3, 4)
        opt.step({"E": fastopt.RowGradient(rows[turn], values[turn]), "b": None})
        found.append(opt)
    assert same(*found)


def test_bound_containers_are_read_at_each_step(backend: str) -> None:
    steps = Steps(np.float32, (4,), "bound")
    grads = dict(next(iter(steps)))
    with pytest.raises(TypeError, match=r"for opt\.step alone"):  # what is bound is written into
        fastopt.Adam(steps.params(), grads=grads, sparse="lazy", backend=backend)
    grads["E"] = None
    bound = fastopt.Adam(steps.params(), grads=grads, sparse="lazy", backend=backend)
    for g in steps:
        grads.update(g)
        bound.step()
    assert same(bound, taken(fastopt.Adam(steps.params(), sparse="lazy"), steps))


def test_frozen_and_absent(backend: str) -> None:
    steps = Steps(np.float32, (4,), "frozen")
    opt = fastopt.Adam(steps.params(), sparse="lazy", backend=backend)
    opt.freeze("E")
    _, second, *_ = steps
    opt.step(second)
    assert opt.params["E"].tobytes() == steps.params()["E"].tobytes()
    opt.unfreeze("E")
    opt.step({**second, "b": None})
    assert opt.params["E"].tobytes() != steps.params()["E"].tobytes()


def test_gradients_that_are_not_finite_are_found(backend: str) -> None:
    steps = Steps(np.float32, (4,), "nan")
    bad = steps.with_nan(list(steps)[2])
    opt = fastopt.Adam(steps.params(), sparse="lazy", nonfinite="raise", backend=backend)
    row = int(bad["E"].indices[0])
    with pytest.raises(FloatingPointError, match=rf"'E' is not finite: 4 of 92 .* at \({row}, 0\)"):
        opt.step(bad)
    assert same(opt, steps.params())


def test_steps_that_overflow_are_found(backend: str) -> None:
    """By a trial with the rows that are stepped, and no others."""
    steps = Steps(np.float32, (4,), "overflow")
    params = steps.params()
    params["E"][1] = 3e38
    opt = fastopt.SGD(params, lr=1.0, nonfinite="raise", momentum=0.9, sparse="lazy", backend=backend)
    rows = fastopt.RowGradient(np.array([5]), np.full((1, 4), 1e30, np.float32))
    assert opt.step({"E": rows, "b": None})
    rows = fastopt.RowGradient(np.array([1]), np.full((1, 4), -3e38, np.float32))
    with pytest.raises(FloatingPointError, match=r"would make parameter 'E' infinite.* at \(1, 0\)"):
        opt.step({"E": rows, "b": None})


def test_nothing_changes_where_another_gradient_is_wrong(backend: str) -> None:
    steps = Steps(np.float32, (4,), "wrong")
    opt = fastopt.Adam(steps.params(), sparse="lazy", backend=backend)
    with pytest.raises(ValueError, match="shape"):
        opt.step({**list(steps)[2], "b": np.zeros(3, np.float32)})
    assert same(opt, steps.params())


@pytest.mark.parametrize(
    "options",
    [
        *({name: True} for name in ("zero_grads", "stats", "cautious", "orthograd", "centralize")),
        *({"ema": 0.5}, {"swa_start": 0}, {"lookahead_steps": 5}, {"grokfast": 1.0}),
        *({"adaptive_clip": 1.0}, {"mask": {"E": np.ones((ROWS, 1), bool), "b": None}}),
    ],
    ids=str,
)
def test_options_that_need_whole_gradients(options: Any) -> None:
    steps = Steps(np.float32, (4,), "options")
    opt = fastopt.Adam(steps.params(), sparse="lazy", **options)
    with pytest.raises(ValueError, match=rf"of rows, .*{next(iter(options))}.*g.dense\({ROWS}\)"):
        opt.step(list(steps)[2])
    assert same(opt, steps.params())


@pytest.mark.parametrize("name", ["lamb", "adafactor", "muon", "sm3"])
def test_algorithms_that_need_whole_gradients(name: str) -> None:
    steps = Steps(np.float32, (4,), "whole")
    opt = fastopt.get(name, {"E": steps.params()["E"]})
    with pytest.raises(TypeError, match="needs whole ones"):
        opt.step({"E": list(steps)[2]["E"]})


def test_other_methods_need_whole_gradients() -> None:
    steps = Steps(np.float32, (4,), "methods")
    opt, g = fastopt.SGD(steps.params()), list(steps)[2]
    with pytest.raises(TypeError, match=r"g.dense\(len\(p\)\)"):
        opt.accumulate(g)
    with pytest.raises(TypeError, match=r"g.dense\(len\(p\)\)"), opt.perturbed(g):
        pass
    assert same(opt, steps.params())
