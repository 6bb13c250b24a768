"""The measurements as tables for the terminal, at most 80 columns wide."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from fastopt.bench.beside import NOTHING, Beside
from fastopt.bench.pipeline import Pipeline
from fastopt.bench.scaling import Scaling
from fastopt.bench.steps import CEILING, NUMBA, NUMPY, OURS, Step
from fastopt.demo.report import WIDTH, layout

# Heads of columns that have to be short.
SHORT = {"torch fused": "fused", "scikit-learn": "sklrn", "DeepSpeed": "DeepSp"}
RIVALS = (NUMPY, NUMBA, "torch fused", "torch", "optax", "thinc", "scikit-learn", "DeepSpeed")


def heading(machine: Mapping[str, Any], threads: int) -> str:
    """Describe machine and versions."""
    levels = ", ".join(f"L{c['level']} {c['number']} x {amount(c['size'])}" for c in machine["caches"])
    packages = ", ".join(f"{name} {found}" for name, found in machine["packages"].items())
    lines = (
        f"{machine['processor']}: {machine['processors']} processors"
        + (f", {levels}" if levels else "")
        + f"; {machine['system']}.",
        f"fastopt {machine['fastopt']}, {machine['backend']}"
        + (f" ({machine['isa']})" if machine["backend"] == "native" else "")
        + f", threads: {threads}, float32.",
        f"Python {machine['python']}, {packages}; matrix products by {machine['blas']}.",
    )
    return "\n".join(map(prose, lines))


def steps(found: Sequence[Step]) -> str:
    """Make the table of our own steps."""
    head: tuple[str, ...] = ("elements", "a step ", "ns/element ", "GB/s ", "of ceiling ")
    if not any(CEILING in step.seconds for step in found):
        head = head[:-1]
    columns = [
        [f"{spent(step.seconds[OURS])} " for step in found],
        [f"{digits(step.ns_per_element())} " for step in found],
        [f"{digits(step.rate())} " for step in found],
        [_share(step.faster_than(CEILING)) for step in found],
    ]
    return _by_algorithm(found, head, columns[: len(head) - 1], 12)


def rivals(found: Sequence[Step]) -> str:
    """Make the table of how many times as fast ours are."""
    there = [who for who in RIVALS if any(who in step.seconds for step in found)]
    head = ("elements", *(SHORT.get(who, who) for who in there))
    columns = [[_times(step.faster_than(who)) for step in found] for who in there]
    return _by_algorithm(found, head, columns, 8)


def pipelines(found: Sequence[Pipeline]) -> str:
    """Make the table of the pipelines."""
    there = [who for who in RIVALS if any(who in row.seconds for row in found)]
    head = ("elements", "a step ", *(SHORT.get(who, who) for who in there))
    columns = [
        [f"{spent(row.seconds[OURS])} " for row in found],
        *([_times(row.faster_than(who)) for row in found] for who in there),
    ]
    names = [" + ".join((*row.stages[:1], "AdamW", *row.stages[1:])) for row in found]
    return _grouped(names, [str(row.shape) for row in found], head, columns, 8)


def scaling(found: Sequence[Scaling]) -> str:
    """Make the table of the threads."""
    counts = list(found[0].seconds)
    head = ("elements", "ns/element on 1 ", *(f"on {count}" for count in counts[1:]))
    columns = [
        [f"{digits(row.ns_per_element(1))} " for row in found],
        *([_times(row.speed_up(count)) for row in found] for count in counts[1:]),
    ]
    return layout(head, [str(row.shape) for row in found], columns, 7)


def beside(found: Sequence[Beside]) -> str:
    """Make the table of steps in turn with products."""
    rows = [(row, name, turns) for row in found for name, turns in row.turns.items()]
    columns = [
        [f"{spent(row.alone[name])} " if name in row.alone else "- " for row, name, _ in rows],
        ["- " if name == NOTHING else f"{spent(turns.step)} " for _, name, turns in rows],
        [f"{spent(turns.matmul)} " for _, _, turns in rows],
        [f"{spent(turns.round)} " for _, _, turns in rows],
    ]
    groups = [f"matmul {r.size} x {r.size}, {r.algorithm} on {r.shape}" for r, _, _ in rows]
    head = ("", "step alone ", "step in turn ", "product ", "both ")
    return _grouped(groups, [name for _, name, _ in rows], head, columns, 12)


def prose(text: str) -> str:
    """Break lines."""
    return fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)


def spent(seconds: float) -> str:
    """Write a time with three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{digits(seconds * scale)} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def digits(value: float) -> str:
    """Write a number with about three digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def amount(size: float) -> str:
    """Write an amount of memory."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"


def _share(value: float | None) -> str:
    return "- " if value is None else f"{value:.2f} "


def _times(value: float | None) -> str:
    if value is None:
        return "- "
    return f"{digits(value)}x" if value < 9999.5 else ">9999x"


def _by_algorithm(
    found: Sequence[Step], head: Sequence[str], columns: Sequence[Sequence[str]], width: int
) -> str:
    groups = [step.algorithm for step in found]
    return _grouped(groups, [str(step.shape) for step in found], head, columns, width)


def _grouped(
    groups: Sequence[str],
    names: Sequence[str],
    head: Sequence[str],
    columns: Sequence[Sequence[str]],
    width: int,
) -> str:
    """Make a table in which each group stands under its own line."""
    lines = layout(head, [f"  {name}" for name in names], columns, width).splitlines()
    out, before = lines[:2], ""
    for group, line in zip(groups, lines[2:], strict=True):
        if group != before:
            out.append(group)
        out.append(line)
        before = group
    return "\n".join(out)
