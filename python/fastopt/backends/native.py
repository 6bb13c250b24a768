"""The native backend: C++ kernels, one parallel pass over all arrays."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from fastopt.algorithm import Rule
from fastopt.backends.protocol import OfStored, Plan, Spreads
from fastopt.numerics import axes_of, computed
from fastopt.runtime import extension, suggest, warn


def why_not() -> str:
    """Return why this installation cannot use the backend."""
    return extension.reason


def runs(rule: Rule) -> bool:
    """Return whether there is a kernel of that name for that very rule."""
    return extension.native is not None and rule.is_ours and rule.name in extension.native.rules()


def make_plan(
    arrays: list[tuple[Any, ...]],
    rules: list[Rule],
    rows: list[int],
    spreads: Spreads = (),
    stored: OfStored = (),
) -> Plan:
    """Bind the arrays to the kernels of the instruction-set level in use."""
    return plan_of_kernels(arrays, rules, rows, lambda rule, _: rule.name, spreads, stored)


def plan_of_kernels(
    arrays: list[tuple[Any, ...]],
    rules: list[Rule],
    rows: list[int],
    kernel: Callable[[Rule, Any], Any],
    spreads: Spreads = (),
    stored: OfStored = (),
) -> Plan:
    """Bind the arrays to the native plan; `kernel` returns a rule's, for a dtype."""
    assert extension.native is not None
    dtypes = [computed(entry[0].dtype) for entry in arrays]
    counts = [len(each) for each in spreads]
    plan = extension.native.Plan(arrays, list(map(kernel, rules, dtypes)), rows, counts, list(stored))
    if any([rule.direction for rule in rules]):
        directions = [
            rule.measured and (kernel(rule.measured, dtype), rule.summed, _kept(rule), rule.weighs)
            for rule, dtype in zip(rules, dtypes, strict=True)
        ]
        plan.attach_directions(directions)
    if any(spreads):
        plan.attach_spreads(
            [_spread(entry[0], each) for entry, each in zip(arrays, spreads, strict=True)],
            [
                [(kernel(each, dtype), rule.largest) for each in rule.reductions]
                for rule, dtype in zip(rules, dtypes, strict=True)
            ],
        )
    found: Plan = plan
    return found


def _kept(rule: Rule) -> int:
    """Return the number of the state to which the result of the direction is written, -1 for none."""
    return len(rule.kept) if rule.scratch else -1


def _spread(p: Any, arrays: Sequence[Any]) -> Any:
    if not arrays:
        return None
    axes = axes_of(p, arrays)
    return axes.lengths, tuple(zip(arrays, axes.steps, strict=True))


def smooth(signal: Any, out: Any, state: Any, beta: float, corrections: Any) -> None:
    """Smooth a signal."""
    assert extension.native is not None
    extension.native.smooth(signal, out, state, beta, corrections)


def _choose_level() -> None:
    """Choose the best instruction-set level that this machine runs, capped by ``FASTOPT_ISA``."""
    if extension.native is None:
        return
    levels = extension.native.runnable_levels()
    cap = os.environ.get("FASTOPT_ISA", "")
    if cap and cap not in levels:
        warn(f"FASTOPT_ISA={cap!r} is ignored: {suggest(cap, levels)} on this machine")
    extension.native.use_level(cap if cap in levels else levels[-1])


_choose_level()
