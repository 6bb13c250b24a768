"""The pieces of a compiled loop: elementwise functions on scalars, and tuples of arrays of any length.

Imported when the first rule is compiled, as it imports Numba.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import overload

from fastopt import elementwise


def compiled(function: Callable[..., Any]) -> Any:
    """Compile under the numerics contract: no contraction, no reordering, division as in NumPy."""
    return njit(nogil=True, fastmath=False, error_model="numpy")(function)


# Not strict: Numba would have every lambda repeat the annotations of its typing function.
_overload = partial(overload, strict=False)


@_overload(elementwise.select)
def _select(condition: Any, a: Any, b: Any) -> Any:
    return lambda condition, a, b: a if condition else b


@_overload(elementwise.maximum)
def _maximum(a: Any, b: Any) -> Any:
    return lambda a, b: a if (a >= b) | (a != a) else b


@_overload(elementwise.minimum)
def _minimum(a: Any, b: Any) -> Any:
    return lambda a, b: a if (a <= b) | (a != a) else b


@_overload(elementwise.clip)
def _clip(x: Any, low: Any, high: Any) -> Any:
    return lambda x, low, high: elementwise.minimum(elementwise.maximum(x, low), high)


@_overload(elementwise.nonnegative)
def _nonnegative(x: Any) -> Any:
    zero = _scalar(x)(0)
    return lambda x: zero if x < zero else x


@_overload(elementwise.sign)
def _sign(x: Any) -> Any:
    zero, one = _scalar(x)(0), _scalar(x)(1)
    return lambda x: one if x > zero else (-one if x < zero else x + zero)


def _scalar(kind: Any) -> Any:
    """Give the NumPy type of a Numba type, for constants that do not widen float32."""
    return np.float32 if kind is types.float32 else np.float64


def take(arrays: Any, i: Any) -> Any:
    """Give element i of each array of a tuple; only its compiled form is ever called."""
    raise AssertionError


@_overload(take)
def _take(arrays: Any, i: Any) -> Any:
    if len(arrays) == 0:
        return lambda arrays, i: ()
    return lambda arrays, i: (arrays[0][i], *take(arrays[1:], i))


def put(arrays: Any, i: Any, values: Any) -> Any:
    """Set element i of each array of a tuple; only its compiled form is ever called."""
    raise AssertionError


@_overload(put)
def _put(arrays: Any, i: Any, values: Any) -> Any:
    def set_all(arrays: Any, i: Any, values: Any) -> None:
        arrays[0][i] = values[0]
        put(arrays[1:], i, values[1:])

    def set_none(arrays: Any, i: Any, values: Any) -> None:
        pass

    def set_one(arrays: Any, i: Any, values: Any) -> None:
        arrays[0][i] = values

    given = len(values) if isinstance(values, types.BaseTuple) else 1
    if given != len(arrays):
        raise TypingError(f"the rule gives back {given - len(arrays):+d} values too many")
    if not isinstance(values, types.BaseTuple):
        return set_one
    return set_all if len(arrays) else set_none
