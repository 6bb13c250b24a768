"""A user's rule as a kernel of the native plan: compiled by Numba, called from C++ by its address.

So it has the plan's one pass over all arrays, its threads and its tiles, as our own rules have.
Imported when the first such rule is compiled, as it imports Numba.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import carray, cfunc, types
from numba.np.unsafe.ndarray import to_fixed_tuple

from fastopt.algorithm import BARE, COUPLED, DECOUPLED, STAGES, Rule, Stage
from fastopt.backends.numba_elementwise import CONTRACT, loop, piece, views
from fastopt.runtime import native

# Sweep of csrc/kernels/kernel.hpp.
SIGNATURE = types.void(
    types.voidptr, types.voidptr, types.voidptr, types.CPointer(types.voidptr), types.intp
)


@cache
def own_kernel(rule: Rule, dtype: np.dtype[Any]) -> Any:
    """Compile a rule."""
    assert native is not None
    needed = {DECOUPLED, COUPLED, rule.stage or DECOUPLED}
    alone = rule._replace(stage=None)
    addresses = {stage: _sweep(stage, alone, dtype).address for stage in needed}
    addresses[BARE] = addresses[DECOUPLED]
    count = len(rule.coefficients._fields)
    sweeps = [addresses.get(stage, 0) for stage in STAGES]
    return native.OwnKernel(rule.name, dtype.name, len(rule.states), count, sweeps)


@cache  # which also keeps the machine code alive
def _sweep(stage: Stage, rule: Rule, dtype: np.dtype[Any]) -> Any:
    update, coefficients = piece(loop(stage, rule.update)), rule.coefficients
    stage_scalars: Any = stage.scalars
    of_stage, of_rule = len(stage_scalars._fields), len(coefficients._fields)
    numbers = tuple(range(len(rule.states)))

    def sweep(scalars: Any, p: Any, g: Any, states: Any, n: Any) -> None:  # pragma: no cover - compiled
        given = carray(scalars, (of_stage + of_rule,), dtype)
        s = stage_scalars(*to_fixed_tuple(given[:of_stage], of_stage))
        c = coefficients(*to_fixed_tuple(given[of_stage:], of_rule))
        gradient = carray(g, (n,), dtype)
        parameter = carray(p, (n,), dtype)
        update(s, c, gradient, (parameter, *views(states, parameter, numbers)))

    return cfunc(SIGNATURE, **CONTRACT)(sweep)
