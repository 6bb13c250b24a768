"""`flush_subnormals`: subnormal numbers are zero in the native kernels, and nowhere else."""

import json
import platform
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.steps import take_step
from support.variants import FACTORED, label, loop_of, variants

import fastopt
from fastopt.runtime.extension import native

pytestmark = pytest.mark.skipif(
    native is None or platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"),
    reason="only the native kernels flush, on x86-64 and aarch64",
)

LARGE = 1_000_000  # elements: enough for several threads
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# What is kept of rows and columns is computed by NumPy, which keeps subnormal numbers.
# How subnormal numbers count is a matter of a loop, whatever its scalars: the first variant of each.
LOOPS = {loop_of(*variant): variant for variant in reversed(variants())}
BY_KERNELS = [variant for variant in LOOPS.values() if variant[0] not in FACTORED]
VARIANTS = pytest.mark.parametrize("variant", BY_KERNELS, ids=label)

Array = NDArray[Any]
KEPT = ("v_max", "g_prev", "largest", "start")  # maxima and copies


@pytest.fixture(autouse=True)
def three_threads() -> Any:
    before = fastopt.get_num_threads()
    fastopt.set_num_threads(3)
    yield
    fastopt.set_num_threads(before)


def normal(size: int, dtype: Any, number: int) -> Array:
    """Values of ordinary size, and zeros."""
    rng = np.random.default_rng([5, number])
    values: Array = rng.standard_normal(size).astype(dtype)
    values[rng.random(size) < 0.05] = 0.0
    return values


def mixed(size: int, dtype: Any, number: int) -> Array:
    """The same, half of them subnormal."""
    values = normal(size, dtype, number)
    small = np.random.default_rng([6, number]).random(size) < 0.5
    values[small] *= np.finfo(dtype).tiny / 8
    return values


def flushed(x: Array) -> Array:
    """Put zeros of their sign for subnormal numbers."""
    found: Array = np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.copysign(x.dtype.type(0), x), x)
    return found


def kept(x: Any) -> bool:
    """Say whether NumPy's arithmetic on this thread keeps subnormal numbers."""
    small = np.full(64, np.finfo(x).tiny / 4, x)
    return bool(np.all(small * x(0.5) != 0) and np.all(small + small == 2 * small))


def state_of(opt: fastopt.Optimizer) -> dict[str, Array]:
    (found,) = opt.state.values()
    return found


def momentum(size: int = 64, dtype: Any = np.float32, **options: Any) -> tuple[fastopt.SGD, Array]:
    """Halve a momentum that was the smallest normal number; give the optimizer and the momentum."""
    opt = fastopt.SGD(np.zeros(size, dtype), momentum=0.5, **options)
    opt.step(np.zeros(size, dtype))
    buf = state_of(opt)["b"]
    buf[...] = np.finfo(dtype).tiny
    opt.step(np.zeros(size, dtype))
    return opt, buf


@DTYPES
@VARIANTS
def test_the_same_bits_where_nothing_is_subnormal(
    variant: tuple[str, dict[str, Any]], dtype: Any
) -> None:
    found = []
    for flush in (False, True):
        name, options = variant
        p = normal(500, dtype, 0)
        opt = fastopt.get(name, p, flush_subnormals=flush, backend="native", **options)
        for step in range(5):
            take_step(opt, normal(500, dtype, step + 1))
        arrays = [p, *state_of(opt).values()]
        assert all(np.array_equal(flushed(a), a) for a in arrays)  # there was indeed none
        found.append([a.tobytes() for a in arrays])
    assert found[0] == found[1]


@DTYPES
@VARIANTS
def test_subnormal_operands_are_zeros(variant: tuple[str, dict[str, Any]], dtype: Any) -> None:
    """The step of the flushed arrays, which the reference takes.

    A maximum or a copy is no arithmetic: what it keeps stays, and counts as zero the next time.
    """
    found = []
    for backend, prepared in (("native", np.copy), ("numpy", flushed)):
        name, options = variant
        p = prepared(mixed(500, dtype, 0))
        opt = fastopt.get(name, p, flush_subnormals=True, backend=backend, **options)
        for number, state in enumerate(state_of(opt).values()):
            state[...] = prepared(np.abs(mixed(500, dtype, 10 + number)))
        take_step(opt, prepared(mixed(500, dtype, 1)))
        found.append({"p": p, **state_of(opt)})
    kept = (*KEPT, "p") if name == "ftrl" else KEPT  # which stays where there is nothing to divide by
    for key, expected in found[1].items():
        ours = flushed(found[0][key]) if key in kept else found[0][key]
        assert np.array_equal(ours, flushed(expected), equal_nan=True), key


@DTYPES
@pytest.mark.parametrize("size", [1, 7, 64, LARGE])
def test_subnormal_results_are_zeros(size: int, dtype: Any) -> None:
    _, buf = momentum(size, dtype, backend="native")
    assert np.all(buf == np.finfo(dtype).tiny / 2)
    _, buf = momentum(size, dtype, backend="native", flush_subnormals=True)
    assert not buf.any()


def test_it_can_change_at_any_time() -> None:
    opt, buf = momentum()
    assert buf.all()
    opt.flush_subnormals = True
    opt.step(np.zeros(64, np.float32))
    assert not buf.any()
    opt.flush_subnormals = False
    opt.nesterov = True  # another rule, and another plan
    buf[...] = np.finfo(np.float32).tiny
    opt.step(np.zeros(64, np.float32))
    assert buf.all()
    opt.flush_subnormals = True
    opt.nesterov = False
    opt.step(np.zeros(64, np.float32))
    assert not buf.any()


def test_it_is_in_configurations_and_checkpoints(tmp_path: Any) -> None:
    opt, _ = momentum(flush_subnormals=True)
    config = json.loads(json.dumps(opt.get_config()))
    opt.save(tmp_path / "opt.npz")
    twins = [fastopt.from_config(config, np.zeros(64, np.float32))]
    twins.append(fastopt.load(tmp_path / "opt.npz", np.zeros(64, np.float32)))
    twins.append(fastopt.SGD(np.zeros(64, np.float32), momentum=0.5))
    twins[-1].load(tmp_path / "opt.npz", hyperparameters=True)
    for twin in twins:
        assert twin.flush_subnormals is True
        twin.step(np.zeros(64, np.float32))
        (buf,) = state_of(twin).values()
        buf[...] = np.finfo(np.float32).tiny / 4
        twin.step(np.zeros(64, np.float32))
        assert not buf.any()


def test_other_backends_may_do_nothing() -> None:
    for backend in ("numpy", "numba"):
        if not fastopt.backends.backend(backend).why_not():
            assert momentum(backend=backend, flush_subnormals=True)[1].all()


def test_norms_are_of_what_was_given() -> None:
    """The gradients are measured before the sweep, as they are."""
    g = mixed(500, np.float32, 1)
    small = np.full(500, np.finfo(np.float32).tiny / 4, np.float32)
    for given in (g, small):
        norms = []
        for flush in (False, True):
            opt = fastopt.SGD(np.zeros(500, np.float32), flush_subnormals=flush, global_clipnorm=1.0)
            opt.step(given)
            norms.append(opt.grad_norm)
        assert norms[0]
        assert norms[0] == norms[1]


def test_a_report_is_of_what_the_step_has_seen() -> None:
    p = np.full(500, np.finfo(np.float32).tiny / 4, np.float32)
    norms = []
    for flush in (False, True):
        opt = fastopt.SGD(p.copy(), flush_subnormals=flush, stats=True)
        opt.step(np.zeros(500, np.float32))
        norms.append(opt.report()[0].weight_norm)
    assert norms[0] > norms[1] == 0


@pytest.mark.parametrize("size", [64, LARGE])
def test_all_that_a_step_can_do_besides_has_the_same_bits(size: int) -> None:
    found = []
    for flush in (False, True):
        p, half = normal(size, np.float32, 0), np.zeros(size, np.uint16)
        options: dict[str, Any] = {"ema": 0.9, "cast_to": half, "zero_grads": True, "stats": True}
        opt = fastopt.AdamW(p, lookahead_steps=2, flush_subnormals=flush, clipnorm=0.1, **options)
        for step in range(4):
            opt.step(normal(size, np.float32, step + 1))
        arrays = [p, half, opt.ema_state, opt.slow_state, *state_of(opt).values()]
        found.append([a.tobytes() for a in arrays])
    assert found[0] == found[1]


def test_own_rules_that_numba_compiles_into_the_native_plan() -> None:
    if fastopt.backends.backend("numba").why_not():
        pytest.skip("needs Numba")

    class Own(fastopt.SGD):
        @classmethod
        def select_rule(cls, h: Any) -> Any:
            return own_rule

    for flush in (False, True):
        p = np.full(64, np.finfo(np.float32).tiny / 4, np.float32)
        Own(p, flush_subnormals=flush).step(np.zeros(64, np.float32))
        assert bool(p.any()) is not flush


def own_rule(p: Any, g: Any, c: Any) -> Any:
    """Descend."""
    return p - c.lr * g


@pytest.mark.parametrize("size", [64, LARGE])
def test_the_callers_arithmetic_is_as_before(size: int) -> None:
    for dtype in (np.float32, np.float64):
        assert kept(dtype)
        opt, buf = momentum(size, dtype, flush_subnormals=True)
        assert not buf.any()
        assert kept(dtype)
        opt.nonfinite = "raise"
        with pytest.raises(FloatingPointError):
            opt.step(np.full(size, np.nan, dtype))
        assert kept(dtype)


def test_the_next_optimizers_step_is_as_ever() -> None:
    """On the same workers, which come late now and then, and take up another step's chunks."""
    expected = mixed(LARGE, np.float32, 0)
    opt = fastopt.Adam(expected, backend="native")
    grads = [mixed(LARGE, np.float32, step + 1) for step in range(4)]
    for step in range(40):
        opt.step(grads[step % 4])
    p = mixed(LARGE, np.float32, 0)
    opt, other = fastopt.Adam(p), fastopt.Adam(mixed(LARGE, np.float32, 0), flush_subnormals=True)
    for step in range(40):
        other.step(grads[step % 4])
        opt.step(grads[step % 4])
    assert p.tobytes() == expected.tobytes()


def test_another_threads_arithmetic_and_steps_are_as_ever() -> None:
    def flushing() -> bool:
        opt, buf = momentum(LARGE, flush_subnormals=True)
        for _ in range(40):
            buf[...] = np.finfo(np.float32).tiny
            opt.step(np.zeros(LARGE, np.float32))
            if buf.any():
                return False
        return True

    def plain() -> bool:
        opt, buf = momentum(LARGE)
        for _ in range(40):
            buf[...] = np.finfo(np.float32).tiny
            opt.step(np.zeros(LARGE, np.float32))
            if not (buf.all() and kept(np.float32)):
                return False
        return True

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(flushing), pool.submit(plain)]
        assert [each.result() for each in both] == [True, True]
