"""The Numba backend: the same Python rules, compiled to a fused loop at their first use."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from fastopt.algorithm import Rule
from fastopt.backends.numba_there import disabled, missing
from fastopt.backends.protocol import Pass, Plan, Rows
from fastopt.backends.python_plan import AllScalars, PythonPlan, Scalars, Work
from fastopt.numerics import BLOCK, LANES, FloatingPointEnvironment
from fastopt.runtime import available, extension

WORTH_A_THREAD = 1 << 18  # elements


def why_not() -> str:
    """Return why this installation cannot use the backend, as it is set now."""
    return missing() or disabled()


def runs(rule: Rule) -> bool:
    """Return whether it has the rule: it compiles any."""
    return True


def make_plan(arrays: list[tuple[Any, ...]], rules: list[Rule], rows: list[int]) -> Plan:
    """Bind the arrays; to the native plan, where it is there, for a user's rules."""
    if extension.native is None or all(rule.coefficients is None for rule in rules):
        return NumbaPlan(arrays, rules, rows)
    from fastopt.backends.numba_sweep import own_kernel

    kernels = [
        rule.name if rule.coefficients is None else own_kernel(rule, entry[0].dtype)
        for entry, rule in zip(arrays, rules, strict=True)
    ]
    plan: Plan = extension.native.Plan(arrays, kernels, rows)
    return plan


def smooth(signal: Any, out: Any, state: Any, beta: float, corrections: Any) -> None:
    """Smooth a signal."""
    kind = signal.dtype.type
    given = np.ones(0, signal.dtype) if corrections is None else corrections
    with FloatingPointEnvironment():
        _smooth()(signal, out, state, kind(beta), kind(1.0 - beta), given)


class NumbaPlan(PythonPlan):
    """Splits large work over Python threads; the loops inside run without the GIL."""

    chunk = 1 << 19  # large enough for a call to cost nothing beside it

    def scalars(self, rows: Rows) -> AllScalars:
        """Round them; where Numba has been switched off since, see that all loops are there already."""
        found = super().scalars(rows)
        if disabled():
            for i, (p, *_) in enumerate(self._arrays):
                if scalars := found[self._row_of[i]]:
                    _loop(scalars[p.dtype][0], self._rules[i].update)
        return found

    @staticmethod
    def update(rule: Rule, scalars: Scalars, g: Any, p: Any, *states: Any) -> None:
        """Run the loop over some pieces."""
        stage, s, c = scalars
        _loop(stage, rule.update)(s, c, g, (p, *states))

    @staticmethod
    def block_sums(x: Any) -> Any:
        """Sum the squares of each block; see `reduce`."""
        return _block_sums()(x)

    def sweep_all(self, scalars: AllScalars, extras: Pass, threads: int) -> None:
        """Update all that is bound."""
        pieces = self.pieces(extras)
        elements = sum(end - begin for _, begin, end in pieces)
        runs = max(1, min(threads, elements // WORTH_A_THREAD))
        if runs == 1:
            self.sweep(scalars, pieces, extras)
        else:
            self._sweep_in_parallel(scalars, pieces, extras, runs)

    def _sweep_in_parallel(
        self, scalars: AllScalars, pieces: list[Work], extras: Pass, runs: int
    ) -> None:
        # Two parts for each other thread. We work too, and take back what no worker has begun: a busy
        # machine costs no time.
        edges = [len(pieces) * k // (2 * runs) for k in range(2 * runs + 1)]
        parts = [pieces[a:b] for a, b in pairwise(edges)]
        begun = [(_executor().submit(self.sweep, scalars, part, extras), part) for part in parts[2:]]
        self.sweep(scalars, [*parts[0], *parts[1]], extras)
        for future, part in reversed(begun):
            if future.cancel():
                self.sweep(scalars, part, extras)
        for future, _ in begun:
            if not future.cancelled():
                future.result()


def complaint(update: Callable[..., Any], arguments: list[Any], dtype: Any) -> str:
    """Compile a rule for scalars; return what is wrong with the outcome, nothing where all is well."""
    from fastopt.backends import numba_elementwise

    return numba_elementwise.complaint(update, arguments, dtype)


@cache
def _loop(stage: Any, update: Any) -> Any:
    """Compile the loop over elements for a stage and a rule (for each dtype at its first use)."""
    from fastopt.backends.numba_elementwise import compiled, loop

    return compiled(loop(stage, update))


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


@cache
def _block_sums() -> Any:
    """Compile the sums of `reduce`."""
    from fastopt.backends.numba_elementwise import compiled

    def block_sums(x: Any) -> Any:  # pragma: no cover - compiled
        sums = np.empty((x.size + BLOCK - 1) // BLOCK)
        lanes = np.empty(LANES)
        for block in range(sums.size):
            lanes[:] = 0.0
            piece = x[block * BLOCK : (block + 1) * BLOCK]
            whole = piece.size // LANES * LANES
            for begin in range(0, whole, LANES):
                for k in range(LANES):
                    value = np.float64(piece[begin + k])
                    lanes[k] += value * value
            for i in range(whole, piece.size):
                value = np.float64(piece[i])
                lanes[i - whole] += value * value
            half = LANES // 2
            while half > 0:
                for k in range(half):
                    lanes[k] += lanes[k + half]
                half //= 2
            sums[block] = lanes[0]
        return sums

    return compiled(block_sums)


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, available() - 1), "fastopt")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_executor.cache_clear)
