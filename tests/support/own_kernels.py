"""Kernels of a native plan that are functions of Python: a test sees what a plan hands them."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt.algorithm.stages import NOTHING
from fastopt.runtime.extension import native

Array = NDArray[Any]
ROW = (NOTHING, (1.0,))  # of scalars, for a rule with one coefficient


class Scalars(ctypes.Structure):
    """What csrc/kernels/kernel.hpp has under this name."""

    _fields_ = [("stage", ctypes.c_void_p), ("rule", ctypes.c_void_p), ("ahead", ctypes.c_ssize_t)]


_Sweep = ctypes.CFUNCTYPE(
    None,
    ctypes.POINTER(Scalars),
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_ssize_t,
)


class OwnPlan:
    """A plan of one parameter whose kernel calls ``see(scalars, p, g, states, n)``.

    The last four are addresses and a count.

    What `see` raises is raised by `run`, when the sweep has ended. Without it the kernel does nothing,
    and takes no time.
    """

    def __init__(self, see: Callable[..., None] | None, p: Array, *states: Array) -> None:
        assert native is not None
        self._raised: list[BaseException] = []

        def sweep(scalars: Any, p_at: int, g_at: int, states_at: Any, n: int) -> None:
            try:
                assert see is not None
                see(scalars[0], p_at, g_at, [states_at[s] for s in range(len(states))], n)
            except BaseException as error:
                self._raised.append(error)

        # It lives as long as the plan. `abs` of C looks at its first argument alone; it writes nothing.
        self._sweep = _Sweep(sweep) if see else ctypes.CDLL(None).abs
        address = ctypes.cast(self._sweep, ctypes.c_void_p).value
        kernel = native.OwnKernel("own", p.dtype.name, len(states), 1, address)
        self.plan = native.Plan([(p, *states)], [kernel], [0])

    def run(self, g: Array, sums: bool = False, **options: Any) -> Any:
        """Sweep once, on one thread."""
        assert native is not None
        assert self.plan.bind([g], None, True) == native.Plan.BOUND
        found = (self.plan.run_with_sums if sums else self.plan.run)([ROW], 1, **options)
        if self._raised:
            raise self._raised[0]
        return found


def at(address: int, count: int, dtype: Any) -> Array:
    """View so many elements at an address."""
    memory = (ctypes.c_uint8 * (count * np.dtype(dtype).itemsize)).from_address(address)
    return np.ctypeslib.as_array(memory).view(dtype)
