"""cast_to: copies of the new parameters in 16 bits, rounded as astype does."""

from typing import Any

import numpy as np
import pytest
from support.by_hand import Array, bfloat16, same, values

import fastopt

KINDS = [bfloat16, np.float16, np.uint16]


def narrowed(p: Array, kind: Any) -> Array:
    with np.errstate(all="ignore"):
        if kind is np.uint16:
            return p.astype(bfloat16).view(np.uint16)
        return p.astype(kind)


def equal(copy: Array, p: Array, kind: Any) -> bool:
    if kind is np.uint16:
        return same(copy.view(bfloat16), narrowed(p, kind).view(bfloat16))
    return same(copy, narrowed(p, kind))


def interesting(dtype: Any) -> Array:
    """What lies at, beside and between the numbers of both formats; subnormals, infinities, NaN."""
    rng = np.random.default_rng(0)
    found = [rng.integers(0, 256, 40_000, np.uint8).view(dtype)]  # any bits
    with np.errstate(all="ignore"):
        for kind in (np.float16, bfloat16):
            exact = np.arange(1 << 16).astype(np.uint16).view(kind).astype(dtype)
            halfway = exact[:-1] / 2 + exact[1:] / 2
            up, down = (np.nextafter(halfway, dtype(x)) for x in (np.inf, -np.inf))
            found += [exact, halfway, up, down]
    largest = np.finfo(dtype).max
    tiny = np.finfo(dtype).smallest_subnormal
    found.append(
        np.array([largest, -largest, tiny, -tiny, 0.0, -0.0, np.inf, -np.inf, np.nan, 65519.9], dtype)
    )
    return np.concatenate(found)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values_at_construction_and_at_a_step(dtype: Any, kind: Any, backend: str) -> None:
    p = interesting(dtype)
    copy = np.zeros(p.shape, kind)
    opt = fastopt.SGD(p, lr=0.0, cast_to=copy, backend=backend)
    assert equal(copy, p, kind)
    copy[...] = 1
    opt.step(np.zeros_like(p))
    assert equal(copy, p, kind)


def test_nan_is_nan_of_its_sign_in_all_backends() -> None:
    bits = np.array([0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF], np.uint32)
    for kind in KINDS:
        found = set()
        for backend in ("native", "numba", "numpy"):
            p, copy = bits.view(np.float32).copy(), np.zeros(4, kind)
            opt = fastopt.SGD(p, lr=0.0, cast_to=copy, backend=backend)
            copy[...] = 0
            opt.step(np.zeros_like(p))
            assert np.isnan(copy.view(bfloat16) if kind is np.uint16 else copy).all()
            found.add(tuple((copy.view(np.uint16) >> 15).tolist()))
        assert len(found) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("order", ["C", "F"])
def test_orders_and_shapes(order: Any, kind: Any, backend: str) -> None:
    shapes: list[tuple[int, ...]] = [(), (0, 3), (1,), (17, 33), (3, 5, 7), (2049,), (70_001,)]
    p = [np.asarray(values(shape, np.float32, 1), order=order) for shape in shapes]
    copies = [np.zeros_like(x, dtype=kind) for x in p]
    opt = fastopt.AdamW(p, lr=0.1, cast_to=copies, backend=backend)
    assert all(equal(c, x, kind) for c, x in zip(copies, p, strict=True))
    for seed in (3, 4):
        g = [values(shape, np.float32, seed) for shape in shapes]
        opt.step(g)
        assert all(equal(c, x, kind) for c, x in zip(copies, p, strict=True))


def test_kinds_and_dtypes_can_be_mixed(backend: str) -> None:
    kinds = {"a": bfloat16, "b": np.float16, "c": np.uint16, "d": np.float16}
    dtypes = {"a": np.float32, "b": np.float64, "c": np.float64, "d": np.float32}
    p = {k: values(300, dtype, 2) for k, dtype in dtypes.items()}
    copies = {k: np.zeros(300, kind) for k, kind in kinds.items()}
    opt = fastopt.Adam(p, lr=0.1, cast_to=copies, backend=backend)
    opt.step({k: values(300, dtype, 5) for k, dtype in dtypes.items()})
    assert all(equal(copies[k], p[k], kinds[k]) for k in p)
    assert opt.cast_to is copies


def test_groups_and_one_array(backend: str) -> None:
    p, q = np.zeros(3), np.zeros(2)
    copies: list[Any] = [[np.zeros(3, np.float16)], np.zeros(2, bfloat16)]
    opt = fastopt.SGD(
        [{"params": [p]}, {"params": q, "lr": 2.0}], lr=1.0, cast_to=copies, backend=backend
    )
    opt.step([[np.ones(3)], np.ones(2)])
    assert copies[0][0].tolist() == [-1.0] * 3
    assert copies[1].astype(float).tolist() == [-2.0] * 2
    alone = np.zeros(3, np.float16)
    fastopt.SGD(p, lr=1.0, cast_to=alone, backend=backend).step(np.ones(3))
    assert alone.tolist() == [-2.0] * 3


def test_a_skipped_step_leaves_them(backend: str) -> None:
    p, copy = np.ones(2), np.zeros(2, np.float16)
    opt = fastopt.SGD(p, cast_to=copy, nonfinite="skip", backend=backend)
    copy[...] = 5
    assert not opt.step(np.array([np.inf, 0.0]))
    assert copy.tolist() == [5.0, 5.0]


def test_another_rule_from_the_middle_on(backend: str) -> None:
    p, copy = np.ones(20), np.zeros(20, np.float16)
    opt = fastopt.Adam(p, lr=0.1, cast_to=copy, ema=0.5, backend=backend)
    opt.step(np.ones(20))
    opt.amsgrad = True
    opt.step(np.ones(20))
    assert same(copy, p.astype(np.float16))
    np.testing.assert_allclose(opt.ema_state, 0.25 + 0.5 * 0.5 * 0.9 + 0.5 * p)  # the first step is lr
