"""The best that the machine can do: compiles bench/ceiling.cpp and calls it."""

import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLAGS = [
    "-std=c++20",
    "-O3",
    "-march=native",
    "-mprefer-vector-width=512",
    "-fopenmp",
    "-fPIC",
    "-shared",
]
CONTRACT = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]


def compiler() -> str | None:
    """Find a C++ compiler; without one there is no ceiling to show."""
    return shutil.which("g++") or shutil.which("clang++")


@cache
def library() -> ctypes.CDLL:
    """Compile the sweeps and load them."""
    here = Path(__file__).parent
    made = Path(mkdtemp()) / "ceiling.so"
    source = [str(here / "ceiling.cpp"), "-I", str(here.parent / "csrc"), "-o", str(made)]
    subprocess.run([str(compiler()), *FLAGS, *CONTRACT, *source], check=True)
    return ctypes.CDLL(str(made))


class Streams:
    """Arrays that move the bytes of a step: a gradient, a parameter, states; laid out as ours are."""

    def __init__(self, g: NDArray[Any], p: NDArray[Any], states: list[NDArray[Any]]) -> None:
        self._arrays = [g, p, *states]
        spare = [p] * (5 - len(self._arrays))
        pointers = [a.ctypes.data for a in [*self._arrays, *spare]]
        self._pointers = (ctypes.c_void_p * 5)(*pointers)
        self._states = len(states)
        self._size = ctypes.c_ssize_t(p.size)
        self._add = getattr(library(), f"add_{p.dtype.name}")

    def add(self, threads: int) -> None:
        """Read the gradient, read and write the rest, and only add."""
        self._add(self._pointers, self._states, self._size, threads)

    def adam(self, threads: int) -> None:
        """Run the library's Adam in an OpenMP static loop (float32)."""
        stages, rule = [1, np.inf, 0, 1, 1], [0.9, 0.1, 0.999, 0.001, 1e-3, 0, 1, 1e-8]
        far = self._arrays[0].nbytes > 1 << 23  # whether to fetch ahead, as the plan decides it
        scalars = np.array([*stages, *rule, far], np.float32)
        pointer = ctypes.c_void_p(scalars.ctypes.data)
        library().adam_float32(self._pointers, pointer, self._size, threads)


class WholeStep:
    """Clip, AdamW, average, copy and zeroing by hand, on arrays of its own (float32)."""

    def __init__(self, g: NDArray[Any], p: NDArray[Any]) -> None:
        self._arrays = [g, p, *(np.zeros_like(p) for _ in range(3)), np.zeros(p.shape, np.uint16)]
        self._pointers = [ctypes.c_void_p(a.ctypes.data) for a in self._arrays]
        self._size = ctypes.c_ssize_t(p.size)

    @property
    def gradients(self) -> list[NDArray[Any]]:
        """The gradient, which each step zeroes."""
        return self._arrays[:1]

    def step(self, threads: int) -> None:
        """Perform the step."""
        library().whole_step_float32(*self._pointers, self._size, threads)
