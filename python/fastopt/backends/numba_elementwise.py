"""The pieces of a compiled loop: elementwise functions on scalars.

Imported when the first rule is compiled, as it imports Numba.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from numba import from_dtype, njit, typeof, types
from numba.extending import overload

from fastopt.algorithm import elementwise, functions
from fastopt.backends.numba_cache import read, unique, write
from fastopt.backends.numba_digest import digest
from fastopt.backends.numba_there import disabled

# The numerics contract: no contraction, no reordering, division as in NumPy.
CONTRACT: dict[str, Any] = {"fastmath": False, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile under the numerics contract."""
    check_enabled()
    return njit(nogil=True, no_cfunc_wrapper=True, **CONTRACT)(function)


@cache  # a stage is a piece of the loops of many rules, a rule of those of many stages
def piece(function: Callable[..., Any]) -> Any:
    """Compile what only compiled code calls: without an entry for Python, half as much work again."""
    check_enabled()
    named = unique(function, digest(function))
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **CONTRACT)(named)


def check_enabled() -> None:
    """Raise RuntimeError where Numba would return a function as it is."""
    if said := disabled():
        raise RuntimeError(f"{said}, or set it when the optimizer has taken its first step")


def complaint(rule: Callable[..., Any], arguments: list[Any], dtype: Any) -> str:
    """Compile a rule for scalar arguments; return why it cannot be a kernel, or nothing.

    That nothing is wrong is kept on disk.
    """
    check_enabled()
    found = digest("nothing wrong", rule, len(arguments), dtype, arguments[-1]._fields)
    if found and read(found) is not None:
        return ""
    said = _complaint(rule, arguments, dtype)
    if found and not said:
        write(found, b"")
    return said


def _complaint(rule: Callable[..., Any], arguments: list[Any], dtype: Any) -> str:
    function = compiled(rule)
    signature = tuple(typeof(argument) for argument in arguments)
    try:
        function.compile(signature)
    except Exception as error:  # of Numba's own kinds, and others from inside it
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
        told = next((x for x in lines if not x.startswith(("Failed in", "\x1b"))), lines[0])
        return f"cannot be compiled by Numba: {told}"
    wanted = from_dtype(dtype)
    # Every value on the way, as a literal may be in a condition that no result shows.
    for value in function.overloads[signature].type_annotation.typemap.values():
        if isinstance(value, types.Float) and value != wanted:
            return (
                f"computes in {value} for {wanted}, and would not have the bits of NumPy: a literal "
                "such as 0.5 or 2 widens it. Constants are coefficients"
            )
    if "NRT_MemInfo_alloc" in function.inspect_llvm(signature):
        return (
            "builds an array for each element, as np.zeros and np.where do; for the latter there is "
            "fastopt.rules.select"
        )
    return ""


# Not strict: Numba would have every lambda repeat the annotations of its typing function.
_overload = partial(overload, strict=False)


_FORMS: dict[Callable[..., Any], Callable[..., Any]] = {
    elementwise.select: lambda condition, a, b: a if condition else b,
    elementwise.maximum: lambda a, b: a if (a >= b) | (a != a) else b,
    elementwise.minimum: lambda a, b: a if (a <= b) | (a != a) else b,
    elementwise.clip: lambda x, low, high: elementwise.minimum(elementwise.maximum(x, low), high),
    elementwise.bounded: lambda x, limit: limit if x > limit else (-limit if x < -limit else x),
}
for _function, _form in _FORMS.items():
    _overload(_function)(lambda *_, form=_form: form)


@_overload(elementwise.nonnegative)
def _nonnegative(x: Any) -> Any:
    zero = _scalar(x)(0)
    return lambda x: zero if x < zero else x


@_overload(elementwise.sign)
def _sign(x: Any) -> Any:
    zero, one = _scalar(x)(0), _scalar(x)(1)
    return lambda x: one if x > zero else (-one if x < zero else x + zero)


@_overload(elementwise.outward)
def _outward(x: Any, start: Any) -> Any:
    zero = _scalar(x)(0)
    return lambda x, start: ((start > zero) & (x > start)) | ((start < zero) & (x < start))


@_overload(functions.cube_root)
def _cube_root(x: Any) -> Any:
    numbers, form = functions.NUMBERS[_scalar(x)], piece(functions.cube_root_of)
    return lambda x: form(x, numbers)


@_overload(functions.exponential)
def _exponential(x: Any) -> Any:
    numbers, form = functions.NUMBERS[_scalar(x)], piece(functions.exponential_of)
    return lambda x: form(x, numbers)


@_overload(functions.angle)
def _angle(y: Any, x: Any) -> Any:
    numbers, form = functions.NUMBERS[_scalar(y)], piece(functions.angle_of)
    return lambda y, x: form(y, x, numbers)


def _scalar(kind: Any) -> Any:
    """Return the NumPy type of a Numba type, for constants that do not widen float32."""
    return np.float32 if kind is types.float32 else np.float64


def values(given: Any) -> Any:
    """Return what a rule gives back as a tuple; only its compiled form is ever called."""
    raise AssertionError  # pragma: no cover - compiled


@_overload(values)
def _values(given: Any) -> Any:
    return (lambda given: given) if isinstance(given, types.BaseTuple) else (lambda given: (given,))
