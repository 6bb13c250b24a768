"""cast_grads: a gradient of another float dtype gives the bits of its own g.astype(p.dtype)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.by_hand import Array, bfloat16, same, values

import fastopt

OTHERS = [np.float16, bfloat16, np.float32, np.float64]
DTYPES = [np.float32, np.float64]


def every_second(a: Array) -> Array:
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def misaligned(a: Array) -> Array:
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    moved = memory.view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "every second": every_second,
    "misaligned": misaligned,
}


def descended(p: Array, g: Array, backend: str, **options: Any) -> Array:
    """Give -g as the optimizer takes it: p - 1 * g from p = 0."""
    opt = fastopt.SGD({"w": p}, lr=1.0, backend=backend, **options)
    opt.step({"w": g})
    return p


def negated(g: Array, dtype: Any) -> Array:
    """What SGD makes of 0 with this gradient: 0 - 1 * g, rounded once."""
    with np.errstate(all="ignore"):
        return np.asarray(np.zeros((), dtype) - g.astype(dtype))


@pytest.mark.parametrize("other", OTHERS, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout(dtype: Any, other: Any, backend: str) -> None:
    for shape in ((), (0,), (1,), (257,), (16, 17), (17, 1025), (5, 7, 33)):
        g = values(shape, other, 3)
        for name, layout in LAYOUTS.items():
            view = layout(g) if g.ndim else g
            for order in ("C", "F"):
                p = np.zeros(shape, dtype, order=order)
                before = view.tobytes()
                found = descended(p, view, backend, cast_grads=True)
                assert same(found, negated(g, dtype)), (shape, name, order)
                assert view.tobytes() == before


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("other", [np.float16, bfloat16], ids=lambda dtype: dtype.__name__)
def test_every_value_of_16_bits(other: Any, dtype: Any, backend: str) -> None:
    g = np.arange(1 << 16).astype(np.uint16).view(other)
    found = descended(np.zeros(g.shape, dtype), g, backend, cast_grads=True)
    assert same(found, negated(g, dtype))


def test_doubles_are_rounded_once(backend: str) -> None:
    """Ties, and what lies beside them; subnormals; what is too large; and any bits."""
    rng = np.random.default_rng(0)
    floats = rng.integers(0, 1 << 32, 20_000, np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        x = floats.astype(np.float64)
        halfway = (x + np.nextafter(floats, np.float32(np.inf)).astype(np.float64)) / 2
        beside = [np.nextafter(halfway, -np.inf), np.nextafter(halfway, np.inf)]
    tiny = rng.standard_normal(1000) * 1e-42
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e39, -1e39, 5e-324, 3.4028235677973366e38]
    g = np.concatenate([x, halfway, *beside, tiny, special])
    found = descended(np.zeros(g.shape, np.float32), g, backend, cast_grads=True)
    assert same(found, negated(g, np.float32))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.usefixtures("default_settings")
def test_many_chunks_with_everything_else(threads: int, backend: str) -> None:
    fastopt.set_num_threads(threads)
    shape = (601, 1013)
    options: dict[str, Any] = {"global_clipnorm": 1.0, "clipvalue": 0.001, "ema": 0.9, "stats": True}
    finals = []
    for cast in (True, False):
        g = np.asarray(values(shape, np.float64, 1), order="F")
        p = values(shape, np.float32, 2)
        opt = fastopt.AdamW(p, backend=backend, cast_grads=cast, zero_grads=True, **options)
        for _ in range(2):
            given = g.copy("K") if cast else g.astype(np.float32)
            opt.step(given)
            assert not given.any()
        finals.append((p.tobytes(), opt.ema_state.tobytes(), opt.grad_norm, opt.report()))
    assert finals[0] == finals[1]


def test_gradients_of_all_dtypes_at_once(backend: str) -> None:
    p = [np.zeros(70, dtype) for dtype in (np.float32, np.float64) for _ in range(4)]
    g = [values(70, dtype, 5) for dtype in (*OTHERS, *OTHERS)]
    opt = fastopt.SGD(p, lr=1.0, cast_grads=True, zero_grads=True, backend=backend)
    wanted = [np.zeros(70, x.dtype) for x in p]
    for step in range(3):
        given: list[Any] = [x.copy() for x in g]
        given[step] = None
        opt.step(given)
        for i, x in enumerate(given):
            if x is not None:
                wanted[i] -= g[i].astype(wanted[i].dtype)
                assert x.tobytes() == bytes(x.nbytes)
            assert same(p[i], wanted[i])


@pytest.mark.parametrize("scalar", [np.float16(2), bfloat16(2), np.float32(2), np.float64(2)])
def test_scalars_for_0d_parameters(scalar: Any, backend: str) -> None:
    p = np.array(0, np.float32)
    opt = fastopt.SGD(p, lr=1.0, cast_grads=True, backend=backend)
    opt.step(scalar)
    opt.step(scalar)
    assert p == -4


def test_bfloat16_comes_and_goes(backend: str) -> None:
    p = np.zeros(3, np.float32)
    opt = fastopt.SGD(p, lr=1.0, cast_grads=True, backend=backend)
    for dtype in (np.float32, bfloat16, np.float32, np.float16, bfloat16):
        opt.step(np.ones(3, dtype))
    assert p.tolist() == [-5.0] * 3
    with pytest.raises(TypeError, match="has dtype uint16, its parameter float32"):
        opt.step(np.ones(3, np.uint16))
    opt.cast_grads = False
    with pytest.raises(TypeError, match=r"has dtype bfloat16.*cast_grads=True takes it"):
        opt.step(np.ones(3, bfloat16))
    opt.step(np.ones(3, np.float32))
    assert p.tolist() == [-6.0] * 3
    assert opt.step_count == 6


@pytest.mark.parametrize("other", OTHERS, ids=lambda dtype: dtype.__name__)
def test_norms_are_of_what_is_taken(other: Any, backend: str) -> None:
    g = values(9000, other, 1)
    norms = []
    for given in (g, g.astype(np.float32)):
        p = np.zeros(9000, np.float32)
        opt = fastopt.SGD(p, clipnorm=1.0, cast_grads=True, backend=backend)
        opt.step(given)
        norms.append((opt.grad_norm, p.tobytes()))
    assert norms[0] == norms[1]
