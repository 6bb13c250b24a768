"""Gradients in arrays of other libraries: read where they lie, or refused with the line that works."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastopt

SHAPE = (3, 4)


class Arraylike:
    """Converts to an array, as those of xarray do."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.a


class Copying:
    """Cannot do so without a copy."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("a copy is needed")
        return values()


class OnDevice:
    """Lies on a GPU, and would be copied from there without a word."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **keywords: Any) -> Any:
        raise BufferError("it is not here")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return values()


def values() -> Any:
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)


def of_jax(a: Any) -> Any:
    return pytest.importorskip("jax.numpy").asarray(a)


def of_torch(a: Any) -> Any:
    return pytest.importorskip("torch").from_numpy(a.copy())


def transposed(a: Any) -> Any:
    t = of_torch(np.array(a.T, order="C"))
    return t.permute(tuple(reversed(range(t.ndim))))


KINDS = {"JAX": of_jax, "torch": of_torch, "transposed": transposed, "array-like": Arraylike}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped": {"global_clipnorm": 0.5, "nonfinite": "skip"},
    "each": {"clipnorm": 0.25, "stats": True},
    "added up": {"gradient_accumulation_steps": 2},
    "averaged": {"ema": 0.5, "lookahead_steps": 2},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_bits_of_numpy(kind: str, settings: str, backend: str) -> None:
    params = [[np.ones(SHAPE, np.float32), np.ones((), np.float32)] for _ in range(2)]
    given, twin = (fastopt.Adam(p, backend=backend, **SETTINGS[settings]) for p in params)
    for k in range(4):
        g, scalar = values() * np.float32(k + 1), np.array(k, np.float32)
        for opt, grads in ((given, [KINDS[kind](g), KINDS[kind](scalar)]), (twin, [g, scalar])):
            take = opt.accumulate if settings == "added up" else opt.step
            take(grads)
    assert [p.tobytes() for p in params[0]] == [p.tobytes() for p in params[1]]
    assert given.step_count == twin.step_count > 0


@pytest.mark.parametrize("kind", KINDS)
def test_bound_gradients_are_read_anew(kind: str, backend: str) -> None:
    """What is bound is viewed at each step: an entry that is replaced, or written, is seen."""
    p = np.zeros(SHAPE, np.float32)
    grads: list[Any] = [KINDS[kind](values())]
    opt = fastopt.SGD([p], lr=1.0, grads=grads, backend=backend)
    opt.step()
    grads[0] = KINDS[kind](-values())
    opt.step()
    assert not p.any()


def test_formats_that_are_cast(backend: str) -> None:
    p, q = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    half = of_jax(values()).astype("bfloat16")
    fastopt.SGD(p, lr=1.0, cast_grads=True, backend=backend).step(half)
    fastopt.SGD(q, lr=1.0, backend=backend).step(np.asarray(half).astype(np.float32))
    assert p.tobytes() == q.tobytes()


def test_bfloat16_of_torch(backend: str) -> None:
    """NumPy reads no such tensor by itself."""
    p, q = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    half = of_torch(values()).bfloat16()
    opt = fastopt.SGD(p, lr=1.0, backend=backend)
    with pytest.raises(TypeError, match="has dtype bfloat16, its parameter float32"):
        opt.step(half)
    fastopt.SGD(p, lr=1.0, cast_grads=True, backend=backend).step(half)
    fastopt.SGD(q, lr=1.0, backend=backend).step(half.float())
    assert p.tobytes() == q.tobytes()


def test_zero_grad(backend: str) -> None:
    p, g = np.zeros(SHAPE, np.float32), of_torch(values())
    opt = fastopt.SGD(p, lr=1.0, zero_grads=True, backend=backend)
    opt.step(g)
    assert p.any()
    assert not g.numpy().any()
    with pytest.raises(ValueError, match=r"read-only, and zero_grads=True zeroes it: .*np\.array\(g\)"):
        opt.step(of_jax(values()))
    assert opt.step_count == 1
    opt.step(np.array(of_jax(values())))


def test_memory_that_the_step_writes(backend: str) -> None:
    torch = pytest.importorskip("torch")
    p = np.ones(SHAPE, np.float32)
    with pytest.raises(ValueError, match="the gradient of 'params' shares memory with parameter"):
        fastopt.SGD(p, backend=backend).step(torch.from_numpy(p))


def sparse(a: Any) -> Any:
    return of_torch(a).requires_grad_().to_sparse()


def negative(a: Any) -> Any:
    """Make a tensor whose sign is not in its memory."""
    return pytest.importorskip("torch")._neg_view(of_torch(a))


REFUSED = [
    (negative, "g.resolve_neg()"),
    (sparse, "g.detach().to_dense()"),
    (lambda a: Copying(), "np.asarray(g)"),
    (lambda a: OnDevice(), "np.asarray(g)"),
]


def test_a_tensor_with_a_history(backend: str) -> None:
    """As ``backward(create_graph=True)`` makes gradients."""
    p = np.zeros(SHAPE, np.float32)
    fastopt.SGD(p, lr=1.0, backend=backend).step(of_torch(values()).requires_grad_())
    assert p.tobytes() == (-values()).tobytes()


@pytest.mark.parametrize(("make", "line"), REFUSED)
def test_what_cannot_be_read(make: Any, line: str, backend: str) -> None:
    p = np.zeros(SHAPE, np.float32)
    opt = fastopt.SGD({"w": p}, lr=1.0, backend=backend)
    g = make(values())
    for take in (opt.step, opt.accumulate):
        with pytest.raises(TypeError, match=r"the gradient of 'w' is a .* cannot be read") as caught:
            take({"w": g})
        assert str(caught.value).endswith(f": pass {line}")
    assert not p.any()
    good = eval(line, {"np": np, "g": g})
    opt.step({"w": good})
    assert p.tobytes() == (-np.asarray(good)).tobytes()


def test_another_device() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"pass g\.cpu\(\)$"):
        fastopt.SGD(np.ones(SHAPE, np.float32)).step(torch.ones(SHAPE, device="meta"))


def test_one_call() -> None:
    p = np.zeros(SHAPE, np.float32)
    fastopt.functional.sgd(p, of_jax(values()), t=1, lr=1.0)
    assert p.tobytes() == (-values()).tobytes()


MEMORY = """
import resource, tracemalloc
import jax.numpy as jnp, numpy as np, fastopt
n = 8_000_000
p = np.zeros(n, np.float32)
opt = fastopt.SGD([p], lr=1.0)
opt.step([np.zeros(n, np.float32)])
g = jnp.ones(n, jnp.float32).block_until_ready()
opt.step([np.ones(n, np.float32)])  # after the second step it looks for arrays that nothing refers to
small = fastopt.SGD(p[:1].copy())
small.step(g[:1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tracemalloc.start()
opt.step([g])
assert tracemalloc.get_traced_memory()[1] < 100_000, tracemalloc.get_traced_memory()
more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
assert more * 1024 < n, more  # a copy has four times that
assert p[0] == p[-1] == -2.0
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units")
def test_nothing_is_copied() -> None:
    """No more is allocated than before, by tracemalloc and by what is resident."""
    pytest.importorskip("jax")
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
