"""A user's rule as a kernel of the native plan: compiled by Numba, called from C++ by its address.

So it has the plan's one pass over all arrays, its threads and its tiles, as our own rules have.
Imported when the first such rule is compiled, as it imports Numba.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import carray, cfunc, types
from numba.np.unsafe.ndarray import to_fixed_tuple

from fastopt.algorithm import DECOUPLED, STAGES, Rule, StageScalars
from fastopt.backends.numba_elementwise import CONTRACT, loop, piece, views
from fastopt.runtime import native

# Sweep of csrc/kernels/kernel.hpp; the first argument points to the stage's scalars and the rule's.
_POINTERS = types.CPointer(types.voidptr)
SIGNATURE = types.void(_POINTERS, types.voidptr, types.voidptr, _POINTERS, types.intp)


@cache
def own_kernel(rule: Rule, dtype: np.dtype[Any]) -> Any:
    """Compile a rule."""
    assert native is not None
    address = _sweep(rule, dtype).address
    return native.OwnKernel(
        rule.name, dtype.name, len(rule.states), len(rule.coefficients._fields), address
    )


@cache  # which also keeps the machine code alive
def _sweep(rule: Rule, dtype: np.dtype[Any]) -> Any:
    update, coefficients = piece(loop(STAGES[DECOUPLED], rule.update)), rule.coefficients
    of_stage, of_rule = len(StageScalars._fields) - 1, len(coefficients._fields)
    numbers = tuple(range(len(rule.states)))
    number = dtype.type(DECOUPLED)

    def sweep(scalars: Any, p: Any, g: Any, states: Any, n: Any) -> None:  # pragma: no cover - compiled
        s = StageScalars(number, *to_fixed_tuple(carray(scalars[0], (of_stage,), dtype), of_stage))
        c = coefficients(*to_fixed_tuple(carray(scalars[1], (of_rule,), dtype), of_rule))
        gradient = carray(g, (n,), dtype)
        parameter = carray(p, (n,), dtype)
        update(s, c, gradient, (parameter, *views(states, parameter, numbers)))

    return cfunc(SIGNATURE, **CONTRACT)(sweep)
