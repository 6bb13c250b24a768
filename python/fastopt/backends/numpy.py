"""The NumPy backend: the rules as they stand, on pieces of the arrays. It is the reference."""

from typing import Any

import numpy as np

from fastopt.algorithm import STAGES, Rule, Stage, agreement
from fastopt.backends.protocol import OfStored, Pass, Plan, Rows, Spreads
from fastopt.backends.python_plan import PythonPlan
from fastopt.backends.python_stored import Elements
from fastopt.model import Row
from fastopt.numerics import SUPPORTED, FloatingPointEnvironment, check_environment

Scalars = tuple[Stage, Any, Any]  # a stage, its scalars and those of the rule, of one dtype
AllScalars = list[dict[Any, Scalars]]  # for each row, by dtype


def why_not() -> str:
    """Return why this installation cannot use the backend: it always can."""
    return ""


def runs(rule: Rule) -> bool:
    """Return whether it has the rule: it has every one."""
    return True


def make_plan(
    arrays: list[tuple[Any, ...]],
    rules: list[Rule],
    rows: list[int],
    spreads: Spreads = (),
    stored: OfStored = (),
) -> Plan:
    """Bind the arrays."""
    return NumpyPlan(arrays, rules, rows, spreads, stored)


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

    def scalars(self, rows: Rows) -> AllScalars:
        """Round the scalars of each row to each dtype: once, from double."""
        check_environment()
        with np.errstate(all="ignore"), FloatingPointEnvironment():
            return [{dtype: _round(row, dtype) for dtype in SUPPORTED} if row else {} for row in rows]

    def sweep_all(self, scalars: AllScalars, extras: Pass, threads: int) -> None:
        """Update all that is bound."""
        self.sweep(scalars, self.pieces(extras, range(len(self._arrays))), extras)

    def update(self, i: int, scalars: AllScalars, g: Any, a: int, arrays: Elements) -> None:
        """Compute the new values of some pieces, and write them."""
        p, *states = arrays
        states += self.spread_over(i, a, a + p.size)
        stage, s, c = scalars[self._row_of[i]][p.dtype]
        p_new, g = stage.before(p, g, s)
        new = self._rules[i].update(p_new, g, *states, c)
        begin, (p_new, *states_new) = p_new, new if states else (new,)
        agree = agreement(s.agree)
        p_new = agree(p_new, begin, g, s.agree) if agree else p_new
        for old, value in zip((p, *states), (stage.after(p_new, p, s), *states_new), strict=True):
            old[...] = value


def _round(row: Row, dtype: Any) -> Scalars:
    stage, coefficients = row
    s = type(stage)(*map(dtype.type, stage))
    c = type(coefficients)(*map(dtype.type, coefficients))
    return STAGES[stage.stage], s, c
