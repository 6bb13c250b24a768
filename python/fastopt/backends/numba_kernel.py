"""Kernels: the loop over elements around a rule and a stage, compiled by Numba, called by its address.

The plan calls them as the native one calls its own, and a user's rule is a kernel of that one. Imported
when the first is compiled, as it imports Numba.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types

from fastopt.algorithm import DECOUPLED, STAGES, Rule, StageScalars
from fastopt.backends.numba_digest import digest
from fastopt.backends.numba_elementwise import piece, values
from fastopt.backends.numba_function import for_c
from fastopt.runtime import native

Agreement = Callable[[Any, Any, Any, Any], Any]
OF_STAGE = len(StageScalars._fields) - 1  # all but its number

# `scalars` are those of the stage and those of the rule.
TEXT = """
def kernel(scalars, p, g, states, n):
    of_stage, of_rule = scalars[0], scalars[1]
    s = StageScalars(number, {of_stage})
    c = Coefficients({of_rule})
    {states}
    for i in range(n):
        old = p[i]
        p_i, g_i = before(old, g[i], s)
        {results} = values(update(p_i, g_i, {elements}c)){agrees}
        p[i] = after(new, old, s)
"""


@cache  # which also keeps the machine code alive
def kernel(rule: Rule, stage: int, dtype: np.dtype[Any], agrees: Agreement | None = None) -> Any:
    """Compile a kernel, or find it on disk; `rule.coefficients` are the type of the rule's scalars.

    `agrees` is what is done to the step between the parts of the stage.
    """
    fields, count = rule.coefficients._fields, len(rule.states)
    number = from_dtype(dtype)
    one = types.CPointer(number)
    signature = types.void(types.CPointer(one), one, one, types.CPointer(one), types.intp)
    elements = [f"s{k}[i]" for k in range(count)]
    text = TEXT.format(
        of_stage=", ".join(f"of_stage[{k}]" for k in range(OF_STAGE)),
        of_rule=", ".join(f"of_rule[{k}]" for k in range(len(fields))),
        states="; ".join(f"s{k} = states[{k}]" for k in range(count)) or "pass",
        results=", ".join(["new", *elements]) + ("" if count else ","),
        elements="".join(f"{each}, " for each in elements),
        agrees="\n        new = agrees(new, p_i, g_i, s.agree)" if agrees else "",
    )
    around = STAGES[stage]
    names: dict[str, Any] = {
        "__name__": __name__,
        "StageScalars": StageScalars,
        "Coefficients": rule.coefficients,
        "number": dtype.type(stage),
        "values": values,
        "before": piece(around.before),
        "after": piece(around.after),
        "update": piece(rule.update),
        **({"agrees": piece(agrees)} if agrees else {}),
    }
    exec(text, names)
    parts = (rule.update, around.before, around.after, text, fields, StageScalars._fields)
    found = digest(*parts, *([agrees] if agrees else []), stage, dtype)
    return for_c(names["kernel"], signature, found)


def own_kernel(rule: Rule, dtype: np.dtype[Any]) -> Any:
    """Make a kernel of the native plan of a user's rule."""
    assert native is not None
    fields, address = rule.coefficients._fields, kernel(rule, DECOUPLED, dtype).address
    return native.OwnKernel(rule.name, dtype.name, len(rule.states), len(fields), address)
