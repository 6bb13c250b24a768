"""The picture: how fast memory moves in a step, by how much of it there is, and who is how slow."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastopt.bench.report import RIVALS, amount, digits
from fastopt.bench.rows import CEILING, OURS
from fastopt.bench.settings import Settings
from fastopt.bench.steps import Step
from fastopt.demo import REFERENCE, add_grid, new_figure, styles
from fastopt.runtime import listed

MARKED = {"marker": "o", "markersize": 4.5}
WARNING = "#cc3311"
DASHES: tuple[Any, ...] = ("--", (0, (1, 1.5)), "-.", (0, (6, 2, 1, 2, 1, 2)))


def draw(
    found: Sequence[Step], machine: Mapping[str, Any], settings: Settings, warning: str = ""
) -> Any:
    """Draw GB/s of every algorithm with the ceilings, and below it the time of everybody's step.

    A `warning` about all figures stands under the title.
    """
    single = [step for step in found if step.shape.arrays == 1] or list(found)
    figure = new_figure(9.8)
    top, bottom = figure.subplots(2, 1, sharex=True, subplot_kw={"yscale": "log"})
    draw_rates(top, single)
    draw_rivals(bottom, [step for step in single if step.algorithm == settings.example])
    sizes = [step.resident for step in single]
    for axes in (top, bottom):
        add_grid(axes)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda size, _: amount(size))
        axes.set_xlim(min(sizes) / 1.6, max(sizes) * 1.6)
        add_caches(axes, machine, settings.threads, label=axes is top)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.2)
    bottom.set_xlabel("memory of parameters, gradients and state together (one array of each)")
    plural = "s" * (settings.threads > 1)
    figure.suptitle(
        f"fastopt {machine['fastopt']} on {machine['processor']}, "
        f"{settings.threads} thread{plural}, float32" + f"\n{warning}".rstrip(),
        color=WARNING if warning else None,
    )
    figure.supxlabel("\n".join(ceilings(single).values()), fontsize="small")
    return figure


def ceilings(found: Sequence[Step]) -> dict[int, str]:
    """Describe the ceilings that were measured, a line each, by their number of states."""
    there = sorted({step.states: step for step in found if CEILING in step.seconds}.items())
    lines = {}
    for states, step in there:
        names = dict.fromkeys(step.algorithm for step in found if step.states == states)
        state = f", {states} array{'s' * (states > 1)} of state" if states else ""
        lines[states] = f"{named(step)}: adds over gradient, parameters{state}; for {listed([*names])}"
    return lines


def named(step: Step) -> str:
    """Name the ceiling of a step by the traffic of both."""
    return f"ceiling, {step.moved // step.shape.total} bytes each"


def draw_rates(axes: Any, found: Sequence[Step]) -> None:
    """Draw the rate of each algorithm, and of the sweep that only adds, by its number of states."""
    for states in ceilings(found):
        best: dict[int, float] = {}
        for step in found:
            if step.states == states and CEILING in step.seconds:
                best[step.resident] = max(step.rate(CEILING), best.get(step.resident, 0.0))
                label = named(step)
        line = {"color": "0.25", "linewidth": 1.6, "zorder": 4}
        _curve(axes, best.items(), label=label, linestyle=DASHES[states % len(DASHES)], **line)
    for label, style in styles(dict.fromkeys(step.algorithm for step in found)).items():
        rates = [(step.resident, step.rate()) for step in found if step.algorithm == label]
        _curve(axes, rates, label=label, **MARKED, **style)
    axes.yaxis.set_major_formatter(lambda rate, _: f"{rate:g}")
    axes.set_ylabel("GB/s moved by a step")
    axes.set_title("Every algorithm, and its ceiling: only adding, the limit outside the caches",
                   fontsize="medium", pad=30)  # fmt: skip


def draw_rivals(axes: Any, found: Sequence[Step]) -> None:
    """Draw how long everybody's step takes for an element."""
    there = [who for who in (OURS, *RIVALS, CEILING) if any(who in step.seconds for step in found)]
    for who, style in styles(there).items():
        times = [(step.resident, step.ns_per_element(who)) for step in found if who in step.seconds]
        ceiling = {**REFERENCE, "linestyle": "--", "linewidth": 1.6, "zorder": 4}
        label = named(found[0]) if who == CEILING else who
        _curve(axes, times, label=label, **(ceiling if who == CEILING else {**style, **MARKED}))
    axes.yaxis.set_major_formatter(lambda value, _: digits(value) if value < 1 else f"{value:g}")
    axes.set_ylabel("ns per parameter")
    axes.set_title(f"One step of {found[0].algorithm}: less is better", fontsize="medium")


def _curve(axes: Any, points: Iterable[tuple[int, float]], **style: Any) -> None:
    axes.plot(*zip(*sorted(points), strict=True), **style)


def add_caches(axes: Any, machine: Mapping[str, Any], threads: int, label: bool) -> None:
    """Mark where each level of cache is full: those of so many threads."""
    low, high = axes.get_xlim()
    for cache in machine["caches"]:
        count = min(cache["number"], threads)
        full = count * cache["size"]
        if not low < full < high:
            continue
        axes.axvline(full, color="0.35", linewidth=1.1, linestyle=(0, (3, 3)), zorder=1.5)
        if label:
            times = f"{count} x " if count > 1 else ""
            axes.annotate(
                f"L{cache['level']} full\n{times}{amount(cache['size'])}",
                (full, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
                textcoords="offset points", ha="center", va="bottom", fontsize="x-small", color="0.3",
            )  # fmt: skip
