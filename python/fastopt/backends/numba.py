"""The Numba backend: the same Python rules, compiled to fused loops at their first use."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from fastopt.algorithm import Rule
from fastopt.backends.numba_there import disabled, missing
from fastopt.backends.protocol import OfStored, Plan, Spreads
from fastopt.numerics import FloatingPointEnvironment
from fastopt.runtime import extension


def why_not() -> str:
    """Return why this installation cannot use the backend, as it is set now."""
    return missing() or disabled()


def runs(rule: Rule) -> bool:
    """Return whether it has the rule: it compiles any."""
    return True


def make_plan(
    arrays: list[tuple[Any, ...]],
    rules: list[Rule],
    rows: list[int],
    spreads: Spreads = (),
    stored: OfStored = (),
) -> Plan:
    """Bind the arrays; to the native plan, where it is there, for a user's rules."""
    if extension.native is None or all(rule.coefficients is None for rule in rules):
        from fastopt.backends.numba_plan import NumbaPlan

        return NumbaPlan(arrays, rules, rows, spreads, stored)
    from fastopt.backends.native import plan_of_kernels
    from fastopt.backends.numba_kernel import own_kernel

    def kernel(rule: Rule, dtype: Any) -> Any:
        return rule.name if rule.coefficients is None else own_kernel(rule, dtype)

    return plan_of_kernels(arrays, rules, rows, kernel, spreads, stored)


def smooth(signal: Any, out: Any, state: Any, beta: float, corrections: Any) -> None:
    """Smooth a signal."""
    kind = signal.dtype.type
    given = np.ones(0, signal.dtype) if corrections is None else corrections
    with FloatingPointEnvironment():
        _smooth()(signal, out, state, kind(beta), kind(1.0 - beta), given)


def complaint(update: Callable[..., Any], arguments: list[Any], dtype: Any) -> str:
    """Compile a rule for scalars; return what is wrong with the outcome, nothing where all is well."""
    from fastopt.backends import numba_elementwise

    return numba_elementwise.complaint(update, arguments, dtype)


@cache
def _smooth() -> Any:
    """Compile the loop over a signal."""
    from fastopt.backends.numba_elementwise import compiled

    def smooth(  # pragma: no cover - compiled
        x: Any, out: Any, state: Any, kept: Any, taken: Any, corrections: Any
    ) -> None:
        for o in range(x.shape[0]):
            for t in range(x.shape[1]):
                for i in range(x.shape[2]):
                    state[o, i] = kept * state[o, i] + taken * x[o, t, i]
                    out[o, t, i] = state[o, i] / corrections[t] if corrections.size else state[o, i]

    return compiled(smooth)
