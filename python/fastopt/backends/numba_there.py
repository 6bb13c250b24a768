"""Numba as it is installed and set: missing, broken, or switched off."""

import importlib
import importlib.util
import os
from functools import cache


def disabled() -> str:
    """Return what has switched Numba's compiler off; nothing if it is on."""
    if not importlib.import_module("numba").config.DISABLE_JIT:
        return ""
    by = "NUMBA_DISABLE_JIT" if os.environ.get("NUMBA_DISABLE_JIT") else "numba.config.DISABLE_JIT"
    return f"numba compiles nothing, as {by} is set: unset it, or use another backend"


@cache
def missing() -> str:
    """Return why Numba cannot be imported; nothing if it can."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed (pip install numba)"
    try:
        importlib.import_module("numba")
    except Exception as error:
        return f"numba does not load: {error}"
    return ""
