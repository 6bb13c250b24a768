"""The measurements as tables for the terminal, at most 80 columns wide."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from fastopt.bench.beside import NOTHING, Beside
from fastopt.bench.formats import SINGLE, Formats
from fastopt.bench.pipeline import Pipeline
from fastopt.bench.rows import CEILING, NUMBA, NUMPY, OURS, Row
from fastopt.bench.scaling import Scaling
from fastopt.bench.steps import Step
from fastopt.demo import WIDTH, layout

# Heads of columns that have to be short.
SHORT = {"torch fused": "fused", "scikit-learn": "sklrn", "DeepSpeed": "DeepSp"}
RIVALS = (NUMPY, NUMBA, "torch fused", "torch", "optax", "thinc", "scikit-learn", "DeepSpeed")
Columns = dict[str, list[str]]  # cells by the head of their column


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
    columns = {
        "a step": [spent(step.seconds[OURS]) for step in found],
        "ns/element": [digits(step.ns_per_element()) for step in found],
        "GB/s": [digits(step.rate()) for step in found],
    }
    if any(CEILING in step.seconds for step in found):
        shares = [step.faster_than(CEILING) for step in found]
        columns["of ceiling"] = ["-" if share is None else f"{share:.2f}" for share in shares]
    return _table(_sizes(found), _spaced(columns), 12, [step.algorithm for step in found])


def rivals(found: Sequence[Step]) -> str:
    """Make the table of how many times as fast ours are."""
    return _table(_sizes(found), _of_rivals(found), 8, [step.algorithm for step in found])


def pipelines(found: Sequence[Pipeline]) -> str:
    """Make the table of the pipelines."""
    columns = _spaced({"a step": [spent(row.seconds[OURS]) for row in found]}) | _of_rivals(found)
    groups = [" + ".join((row.stages[0], "AdamW", *row.stages[1:])) for row in found]
    return _table(_sizes(found), columns, 8, groups)


def formats(found: Sequence[Formats]) -> str:
    """Make the table of a step in several formats."""
    rows = [(row, name) for row in found for name in row.resident if name in row.seconds]
    columns = {
        "bytes": [f"{row.resident[name]:.2f}" for row, name in rows],
        "a step": [spent(row.seconds[name]) for row, name in rows],
        "ns/element": [digits(row.ns_per_element(name)) for row, name in rows],
        "as fast": [_times(row.seconds[SINGLE] / row.seconds[name]) for row, name in rows],
    }
    shares = [row.of_ceiling(name) for row, name in rows]
    if any(share is not None for share in shares):
        columns["of ceiling"] = ["-" if share is None else f"{share:.2f}" for share in shares]
    groups = [f"{row.shape} elements" for row, _ in rows]
    return _table([name for _, name in rows], columns, 10, groups, "")


def scaling(found: Sequence[Scaling]) -> str:
    """Make the table of the threads."""
    first, *others = found[0].seconds
    columns = _spaced({f"ns/element on {first}": [digits(row.ns_per_element(first)) for row in found]})
    columns |= {f"on {count}": [_times(row.speed_up(count)) for row in found] for count in others}
    return _table(_sizes(found), columns, 7)


def beside(found: Sequence[Beside]) -> str:
    """Make the table of steps in turn with products."""
    rows = [(row, name, turns) for row in found for name, turns in row.turns.items()]
    columns = {
        "step alone": [spent(row.alone[name]) if name in row.alone else "-" for row, name, _ in rows],
        "step in turn": ["-" if name == NOTHING else spent(turns.step) for _, name, turns in rows],
        "product": [spent(turns.matmul) for _, _, turns in rows],
        "both": [spent(turns.round) for _, _, turns in rows],
    }
    groups = [f"matmul {row.size} x {row.size}, {row.algorithm} on {row.shape}" for row, _, _ in rows]
    return _table([name for _, name, _ in rows], _spaced(columns), 12, groups, "")


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


def _times(value: float | None) -> str:
    if value is None:
        return "- "
    return f"{digits(value)}x" if value < 9999.5 else ">9999x"


def _sizes(found: Sequence[Row]) -> list[str]:
    return [str(row.shape) for row in found]


def _of_rivals(found: Sequence[Row]) -> Columns:
    """Return how many times as fast ours are, by those that were measured somewhere."""
    there = [who for who in RIVALS if any(who in row.seconds for row in found)]
    return {SHORT.get(who, who): [_times(row.faster_than(who)) for row in found] for who in there}


def _spaced(columns: Columns) -> Columns:
    """Leave the place that others have for an ``x`` behind each number."""
    return {f"{head} ": [f"{cell} " for cell in cells] for head, cells in columns.items()}


def _table(
    names: Sequence[str],
    columns: Columns,
    width: int,
    groups: Sequence[str] = (),
    first: str = "elements",
) -> str:
    """Make a table; each group stands under a line of its own."""
    indented = [f"  {name}" for name in names] if groups else names
    out = layout([first, *columns], indented, list(columns.values()), width).splitlines()
    for i in reversed(range(len(groups))):
        if i == 0 or groups[i] != groups[i - 1]:
            out.insert(i + 2, groups[i])
    return "\n".join(out)
