"""Probes: each builds one thing that goes wrong in practice, and returns whether the outcome is right.

A probe returns True or False; None where only an error would be right, and there was none. It passes on
the exceptions of the library. Arrays are float32 unless another dtype is named.
"""

import mmap
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from hazards.training import HalfDone, NotApplicable, Training, adam, gradient, same, values

Make = Callable[..., Training]
Probe = Callable[[Make], bool | None]
PROBES: dict[Probe, str] = {}


def probe(what: str) -> Callable[[Probe], Probe]:
    """Register a probe with its row of the table."""

    def register(function: Probe) -> Probe:
        PROBES[function] = what
        return function

    return register


def one_step(make: Make, p: Any, g: Any) -> bool:
    """Return whether a step does to the parameter what it should."""
    expected, before = adam(p, g), p.tobytes()
    try:
        training = make({"w": p})
        training.step({"w": g})
    except Exception:
        if p.tobytes() != before:
            raise HalfDone from None
        raise
    return same(training.now("w"), expected)


# Gradients.


@probe("a gradient shorter than its parameter")
def short_gradient(make: Make) -> bool | None:
    make({"w": values(100)}).step({"w": values(60)})
    return None


@probe("a gradient longer than its parameter")
def long_gradient(make: Make) -> bool | None:
    make({"w": values(100)}).step({"w": values(160)})
    return None


@probe("a gradient of shape (1, 10) for (10, 10): it could be broadcast")
def broadcastable_gradient(make: Make) -> bool | None:
    make({"w": values(10, 10)}).step({"w": values(1, 10)})
    return None


@probe("a gradient transposed: shape (7, 10) for (10, 7)")
def transposed_gradient(make: Make) -> bool | None:
    make({"w": values(10, 7)}).step({"w": values(7, 10)})
    return None


@probe("a float64 gradient")
def wide_gradient(make: Make) -> bool:
    return one_step(make, values(100), values(100).astype(np.float64))


@probe("a gradient with strides: every second element")
def strided_gradient(make: Make) -> bool:
    return one_step(make, values(100), gradient(200, number=1)[::2])


@probe("a gradient with a negative stride")
def reversed_gradient(make: Make) -> bool:
    return one_step(make, values(100), gradient(100, number=1)[::-1])


@probe("a gradient that is the parameter itself")
def gradient_is_parameter(make: Make) -> bool:
    p = values(100)
    return one_step(make, p, p)


@probe("a gradient that overlaps with its parameter, shifted by one element")
def shifted_gradient(make: Make) -> bool:
    memory = values(101)
    return one_step(make, memory[1:], memory[:-1])


@probe("an empty array between two others")
def empty_array(make: Make) -> bool:
    params = {"a": values(10), "b": values(0), "c": gradient(10, number=1)}
    grads = {name: gradient(p.size, number=2) for name, p in params.items()}
    expected = {name: adam(p, grads[name]) for name, p in params.items()}
    training = make(params)
    training.step(grads)
    return all(same(training.now(name), expected[name]) for name in params)


# Parameters.


@probe("a parameter with strides: every second element")
def strided_parameter(make: Make) -> bool:
    memory = values(200)
    others = memory[1::2].copy()
    right = one_step(make, memory[::2], gradient(100, number=1))
    return right and bool(np.array_equal(memory[1::2], others))


@probe("a parameter in Fortran order, its gradient in C order")
def fortran_parameter(make: Make) -> bool:
    return one_step(make, np.asfortranarray(values(10, 7)), gradient(10, 7, number=1))


@probe("a parameter whose elements are one (stride 0)")
def one_element_as_many(make: Make) -> bool:
    return one_step(make, as_strided(values(1), (100,), (0,)), gradient(100, number=1))


@probe("a read-only parameter: the memory of a bytes object")
def read_only_parameter(make: Make) -> bool:
    memory = values(100).tobytes()
    before = bytearray(memory)
    right = one_step(make, np.frombuffer(memory, np.float32), gradient(100, number=1))
    return right and memory == bytes(before)


@probe("a parameter in a file that is mapped read-only")
def read_only_map(make: Make) -> bool:
    with tempfile.TemporaryFile() as file:
        file.write(values(4096).tobytes())
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return one_step(make, np.frombuffer(mapped, np.float32), gradient(4096, number=1))


@probe("a misaligned parameter")
def misaligned_parameter(make: Make) -> bool:
    memory = bytearray(401)
    p = np.frombuffer(memory, np.float32, 100, 1)
    p[...] = values(100)
    return one_step(make, p, gradient(100, number=1))


@probe("a parameter of the other byte order")
def swapped_parameter(make: Make) -> bool:
    p = values(100)
    return one_step(make, p.astype(p.dtype.newbyteorder()), gradient(100, number=1))


@probe("a masked array: what is masked must stay")
def masked_parameter(make: Make) -> bool:
    p = values(100)
    mask = np.arange(100) % 2 == 0
    before, expected = p.copy(), adam(p, gradient(100, number=1))
    training = make({"w": np.ma.MaskedArray(p, mask)})
    training.step({"w": gradient(100, number=1)})
    return same(np.asarray(training.now("w")), np.where(mask, before, expected))


@probe("a parameter of integers")
def integer_parameter(make: Make) -> bool:
    p = np.arange(100, dtype=np.int32)
    training = make({"w": p})
    training.step({"w": np.ones(100, np.float32)})
    return same(training.now("w"), np.arange(100) - 0.1)


@probe("the same parameter twice: one step is asked for")
def same_parameter_twice(make: Make) -> bool:
    p, g = values(100), gradient(100, number=1)
    expected = adam(p, g)
    training = make({"a": p, "b": p})
    training.step({"a": g, "b": g.copy()})
    return same(training.now("a"), expected) and same(training.now("b"), expected)


@probe("two parameters that overlap by half")
def overlapping_parameters(make: Make) -> bool:
    memory = values(150)
    params = {"a": memory[:100], "b": memory[50:]}
    g = gradient(100, number=1)
    expected = {name: adam(p, g) for name, p in params.items()}
    training = make(params)
    training.step({"a": g, "b": g.copy()})
    return all(same(training.now(name), expected[name]) for name in params)


@probe('`params["w"] = params["w"] - 1` between two steps')
def replaced_parameter(make: Make) -> bool:
    g = gradient(100, number=1)
    training = make({"w": values(100)})
    training.step({"w": g.copy()})
    training.replace("w", training.now("w") - np.float32(1))
    before = training.now("w").copy()
    training.step({"w": g})
    return not same(training.now("w"), before)


@probe("a parameter that grows from 100 to 200,000 elements between two steps")
def grown_parameter(make: Make) -> bool | None:
    training = make({"w": np.array(values(100))})
    training.step({"w": gradient(100, number=1)})
    training.resize("w", 200_000)
    training.step({"w": gradient(200_000, number=2)})
    return None


# Hyperparameters.


@probe("a learning rate of -1")
def negative_learning_rate(make: Make) -> bool | None:
    make({"w": values(100)}, lr=-1.0).step({"w": values(100)})
    return None


@probe("a learning rate that is NaN")
def learning_rate_nan(make: Make) -> bool | None:
    make({"w": values(100)}, lr=float("nan")).step({"w": values(100)})
    return None


@probe("betas of (0.9, 1.5)")
def beta_above_one(make: Make) -> bool | None:
    make({"w": values(100)}, betas=(0.9, 1.5)).step({"w": values(100)})
    return None


@probe("SGD on 100 float16 values")
def sixteen_bits(make: Make) -> bool:
    p, g = values(100).astype(np.float16), gradient(100, number=1).astype(np.float16)
    expected = p.astype(np.float64) - 0.1 * g.astype(np.float64)
    training = make({"w": p}, kind="sgd")
    training.step({"w": g})
    return bool(np.allclose(training.now("w"), expected, rtol=2e-3, atol=2e-3))  # 11 bits


# Checkpoints.


@probe("a checkpoint whose moment is shorter than the parameter, and a step")
def short_moment(make: Make) -> bool | None:
    training = make({"w": values(200_000)})
    training.step({"w": gradient(200_000, number=1)})
    training.put_moment("w", values(10))
    training.step({"w": gradient(200_000, number=1)})
    return None


@probe("the same for the second of two: what fails has changed nothing")
def all_or_nothing(make: Make) -> bool | None:
    training = make({"a": values(100), "b": values(100)})
    grads = {"a": gradient(100, number=1), "b": gradient(100, number=2)}
    training.step(grads)
    before, steps = training.now("a").copy(), training.steps()
    try:
        training.put_moment("b", values(60))
        training.step({name: g.copy() for name, g in grads.items()})
    except Exception:
        if not np.array_equal(training.now("a"), before) or training.steps() != steps:
            raise HalfDone from None
        raise
    return None


@probe("a checkpoint whose step count is NaN")
def steps_nan(make: Make) -> bool:
    training = make({"w": values(100)})
    training.step({"w": gradient(100, number=1)})
    training.go_on_from(float("nan"))
    training.step({"w": gradient(100, number=1)})
    return bool(np.isfinite(training.now("w")).all())


@probe("the step count at 2^24")
def steps_at_the_end_of_float32(make: Make) -> bool:
    training = make({"w": values(100)})
    training.step({"w": gradient(100, number=1)})
    training.go_on_from(2**24)
    training.step({"w": gradient(100, number=1)})
    return training.steps() == 2**24 + 1


@probe("a checkpoint cut in half")
def half_a_checkpoint(make: Make) -> bool | None:
    with saved(make) as (training, path):
        os.truncate(path, path.stat().st_size // 2)
        training.load(path)
        return None


@probe("a checkpoint with one flipped bit")
def flipped_bit(make: Make) -> bool:
    with saved(make) as (training, path):
        found = bytearray(path.read_bytes())
        found[len(found) // 2] ^= 64
        path.write_bytes(found)
        before = training.moment("w").copy()
        training.load(path)
        return bool(np.array_equal(training.moment("w"), before))


class saved:  # noqa: N801 - called like a function
    """A training, and the checkpoint that it has just written."""

    def __init__(self, make: Make) -> None:
        self.training = make({"w": values(10_000)})
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> tuple[Training, Path]:
        self.training.step({"w": gradient(10_000, number=1)})
        path = Path(self.folder.name) / "checkpoint.npz"
        self.training.save(path)
        return self.training, path

    def __exit__(self, *exception: object) -> None:
        self.folder.cleanup()


# Processes and threads.


@probe("a step in a child that was forked after a step")
def fork_after_a_step(make: Make) -> bool:
    p, g = values(1_000_000), gradient(1_000_000, number=1)
    expected = adam(p, g, steps=2)
    training = make({"w": p})
    training.step({"w": g.copy()})
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        training.step({"w": g.copy()})
        os._exit(0 if same(training.now("w"), expected) else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    return os.WEXITSTATUS(status) == 0


@probe("40 steps of one optimizer from each of two threads")
def two_threads(make: Make) -> bool:
    g = gradient(1_000_000, number=1)
    training = make({"w": values(1_000_000)})
    if training.is_functional:
        raise NotApplicable
    training.step({"w": g.copy()})
    raised: list[Exception] = []

    def steps() -> None:
        for _ in range(40):
            try:
                training.step({"w": g.copy()})
            except Exception as error:
                raised.append(error)

    threads = [Thread(target=steps) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    taken = 81 - len(raised)
    if not same(training.now("w"), adam(values(1_000_000), g, taken)) or training.steps() != taken:
        return False
    if raised:
        raise raised[0]
    return True
