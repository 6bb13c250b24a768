"""Arrays in memory of every kind, and how that memory could go away; what a step writes, by name."""

import mmap
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

import fastopt
from support.by_hand import bfloat16

Array = NDArray[Any]
Attempts = Sequence[tuple[Callable[[], Any], type[Exception]]]
SIZE = 12  # elements


class Arena(NamedTuple):
    """An array, and calls that would let its memory go, with what refuses them."""

    array: Array
    attempts: Attempts


def resizing(a: Array) -> Attempts:
    """Attempt to resize an array."""
    return [(partial(a.resize, 3, refcheck=False), ValueError)]


def owned(dtype: Any, where: Path) -> Arena:
    a = np.zeros(SIZE, dtype)
    return Arena(a, resizing(a))


def view(dtype: Any, where: Path) -> Arena:
    a = np.zeros(2 * SIZE, dtype)
    return Arena(a[3:][:SIZE], resizing(a))


def view_of_subclass(dtype: Any, where: Path) -> Arena:
    class Sub(np.ndarray[Any, Any]):
        pass

    owner = np.zeros(2 * SIZE, dtype)
    between = owner.view(Sub)  # NumPy keeps it in the chain
    return Arena(between[:SIZE].view(np.ndarray), resizing(owner))


def strided(dtype: Any, where: Path) -> Arena:
    a = np.zeros(SIZE, dtype)
    return Arena(as_strided(a, (SIZE,)), resizing(a))


def through_memoryview(dtype: Any, where: Path) -> Arena:
    a: Any = np.zeros(SIZE * np.dtype(dtype).itemsize, np.uint8)
    return Arena(np.frombuffer(memoryview(a), dtype), resizing(a))


def mapped(dtype: Any, where: Path) -> Arena:
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    attempts = [
        (memory.close, BufferError),
        (lambda: memory.resize(2 * mmap.PAGESIZE), BufferError),
    ]
    return Arena(np.ndarray(SIZE, dtype, memory), attempts)


def memmap(dtype: Any, where: Path) -> Arena:
    array = np.memmap(where / f"{np.dtype(dtype).name}.bin", dtype, "w+", shape=SIZE)
    return Arena(array, [(array._mmap.close, BufferError)])  # type: ignore[attr-defined]


def shared(dtype: Any, where: Path) -> Arena:
    memory = SharedMemory(create=True, size=16 * SIZE)
    memory.unlink()  # which frees it when it is closed
    return Arena(np.ndarray(SIZE, dtype, memory.buf), [(memory.close, BufferError)])


def in_bytearray(dtype: Any, where: Path) -> Arena:
    memory = bytearray(SIZE * np.dtype(dtype).itemsize)
    attempts = [(memory.clear, BufferError), (lambda: memory.extend(bytes(1 << 20)), BufferError)]
    return Arena(np.ndarray(SIZE, dtype, memory), attempts)


ROOMS = [
    owned, view, view_of_subclass, strided, through_memoryview, mapped, memmap, shared, in_bytearray,
]  # fmt: skip


# Everything that steps write, each array with what messages call it.


def full(backend: str, shape: Any = (3, 4)) -> tuple[fastopt.Optimizer, dict[str, Array]]:
    """Make an optimizer with all that a step can write; give it by its names in messages.

    Parameters and copies are the arrays themselves, all else is views.
    """
    rng = np.random.default_rng(5)
    params = {n: rng.standard_normal(shape).astype(np.float32) for n in ("a", "b")}
    copies = {"a": np.zeros(shape, bfloat16), "b": np.zeros(shape, np.float16)}
    opt = fastopt.Adam(
        params,
        lr=0.01,
        amsgrad=True,
        ema=0.9,
        lookahead_steps=3,
        cast_to=copies,
        gradient_accumulation_steps=3,
        backend=backend,
    )
    opt.step(gradients(0, shape))
    opt.accumulate(gradients(1, shape))
    written = {f"parameter {n!r}": p for n, p in params.items()}
    for n in params:
        written |= {f"state {s!r} of {n!r}": a for s, a in opt.state[n].items()}
        written[f"the average of {n!r}"] = opt.ema_state[n]
        written[f"the slow weights of {n!r}"] = opt.slow_state[n]
        written[f"the copy of {n!r} in cast_to"] = copies[n]
        sums = opt.state_dict(copy=False)["parameters"][n]["arrays"]
        written[f"the sum of the gradients of {n!r}"] = sums["*accumulated"]
    return opt, written


def gradients(seed: int, shape: Any = (3, 4)) -> dict[str, Array]:
    """Make gradients for `full`."""
    rng = np.random.default_rng(100 + seed)
    return {n: rng.standard_normal(shape).astype(np.float32) for n in ("a", "b")}
