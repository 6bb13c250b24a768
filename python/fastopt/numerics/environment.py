"""The floating-point environment that the numerics contract asks for, where NumPy and Numba compute.

csrc/pool/fpenv.hpp is the same for the native kernels. A library built with -ffast-math may have left
another environment behind in any thread, in which numbers below the smallest normal one are zero.
"""

import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from fastopt.runtime import warn

# Two names, as Python computes an expression of literals beforehand.
_ONE = 1.0
_SUBNORMAL = 5e-324


def keeps_subnormals() -> bool:
    """Return whether this thread keeps them."""
    return _SUBNORMAL * _ONE > 0.0


class FloatingPointEnvironment(AbstractContextManager[None]):
    """The environment for a with block, where it can be set; at its end the thread's own one again."""

    def __enter__(self) -> None:
        self._saved = None if keeps_subnormals() else _replace()

    def __exit__(self, *error: object) -> None:
        if self._saved is not None:
            _library().fesetenv(self._saved)


def check_environment() -> None:
    """Warn once, before anything is written, where the environment cannot be set."""
    if keeps_subnormals():
        return
    with FloatingPointEnvironment():
        mended = keeps_subnormals()
    if not mended:
        _warn_once()


def _replace() -> Any:
    """Set the environment; return the thread's own one, or None where there is no way to."""
    if _library() is None:
        return None
    import ctypes

    saved = ctypes.create_string_buffer(256)  # larger than any system's fenv_t
    if _library().fegetenv(saved) or _library().fesetenv(ctypes.c_void_p(-1)):  # FE_DFL_ENV
        return None
    return saved


@cache
def _library() -> Any:
    """Load the C library, where FE_DFL_ENV is known to be -1: glibc and musl."""
    import ctypes

    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "fesetenv") else None


@cache
def _warn_once() -> None:
    warn(
        "this thread takes subnormal numbers for zero, as a library built with -ffast-math may have "
        "told the processor, and the backends 'numba' and 'numpy' cannot change that on this system: "
        "their results may differ in the last bits from those of backend='native', which can"
    )
