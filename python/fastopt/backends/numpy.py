"""The NumPy backend: the rules as they stand, on pieces of the arrays. It is the reference."""

from typing import Any

import numpy as np

from fastopt.algorithm import Rule
from fastopt.backends.protocol import Pass, Plan
from fastopt.backends.python_plan import AllScalars, PythonPlan, Scalars
from fastopt.numerics import FloatingPointEnvironment


def why_not() -> str:
    """Return why this installation cannot use the backend: it always can."""
    return ""


def runs(rule: Rule) -> bool:
    """Return whether it has the rule: it has every one."""
    return True


def make_plan(arrays: list[tuple[Any, ...]], rules: list[Rule], rows: list[int]) -> Plan:
    """Bind the arrays."""
    return NumpyPlan(arrays, rules, rows)


def smooth(signal: Any, out: Any, state: Any, beta: float, corrections: Any) -> None:
    """Smooth a signal, value by value."""
    kind = signal.dtype.type
    kept, taken = kind(beta), kind(1.0 - beta)
    with np.errstate(all="ignore"), FloatingPointEnvironment():
        for t in range(signal.shape[1]):
            state[...] = kept * state + taken * signal[:, t]
            out[:, t] = state if corrections is None else state / corrections[t]


class NumpyPlan(PythonPlan):
    """Runs on the calling thread."""

    chunk = 1 << 14  # small enough for what NumPy computes in between to stay in the cache

    def sweep_all(self, scalars: AllScalars, extras: Pass, threads: int) -> None:
        """Update all that is bound."""
        self.sweep(scalars, self.pieces(extras), extras)

    @staticmethod
    def update(rule: Rule, scalars: Scalars, g: Any, p: Any, *states: Any) -> None:
        """Compute the new values of some pieces, and write them."""
        stage, s, c = scalars
        p_new, g = stage.before(p, g, s)
        new = rule.update(p_new, g, *states, c)
        p_new, *states_new = new if states else (new,)
        for old, value in zip((p, *states), (stage.after(p_new, p, s), *states_new), strict=True):
            old[...] = value
