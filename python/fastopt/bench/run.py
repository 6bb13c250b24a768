"""The whole benchmark: one part after the other, each printed when it is measured."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fastopt
from fastopt.bench import (
    beside,
    ceiling,
    formats,
    machine,
    picture,
    pipeline,
    report,
    scaling,
    steps,
)
from fastopt.bench.settings import Settings
from fastopt.runtime import extension

BUSY = 0.7  # processors that others keep busy, from which on figures suffer


def everything(settings: Settings, paths: Sequence[Path]) -> None:
    """Measure all parts, print them, and write the files."""
    about = machine.describe()
    print(report.heading(about, settings.threads))
    busy = machine.load()
    warning = ""
    if busy > BUSY:
        warning = f"The machine is busy (load {busy:.1f}): figures are not what it can do."
        print(report.prose(warning))

    found = _measured(steps.measure, settings)
    _print("One step", _explained(), report.steps(found))
    _print("How many times as fast", RIVALS, report.rivals(found))
    pipelines = _measured(pipeline.measure, settings)
    _print("All of a training step", PIPELINE, report.pipelines(pipelines))
    stored = _measured(formats.measure, settings)
    _print("In fewer bits", FORMATS, report.formats(stored))
    threads = _measured(scaling.measure, settings) if settings.threads > 1 else []
    if threads:
        text = f"{settings.example}: how many times as fast as on one thread."
        _print("Threads", text, report.scaling(threads))
    besides = _measured(beside.measure, settings)
    _print("In turn with matrix products", BESIDE, report.beside(besides))

    parts = {
        "steps": found,
        "pipelines": pipelines,
        "formats": stored,
        "threads": threads,
        "beside_products": besides,
    }
    results = {
        "machine": about,
        "load_before": busy,
        "settings": _listed(settings),
        "left_out": settings.notes,
        **{name: [row.record() for row in rows] for name, rows in parts.items()},
    }
    for path in paths:
        if path.suffix.lower() == ".json":
            path.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        else:
            picture.draw(found, about, settings, warning).savefig(path)
    print()
    for name, why in settings.notes.items():
        print(report.prose(f"{name} is left out of some rows: {why}."))
    print(report.prose(f"The files: {' and '.join(map(str, paths))}."))


RIVALS = (
    "as plain NumPy by hand, the Numba backend, and other libraries (fused: torch with fused=True; "
    "torch: as it is by default; sklrn: scikit-learn)."
)
PIPELINE = (
    "Gradients clipped by the norm of all, AdamW, gradients to zero, average (ema) and bfloat16 copy "
    "(cast) of the parameters: one call, and how many times as fast it is as what others need for it."
)
FORMATS = (
    "A step of Adam with parameters, gradients and states as named (float32 otherwise): bytes for each "
    "parameter and gradient together, the time of float32 over its own, and the share of the ceiling, "
    "which moves as many bytes."
)
BESIDE = "numpy.matmul and a step, one after the other, again and again: medians of each half."


def _explained() -> str:
    why = ceiling.why_not()
    if why:
        return f"There is no ceiling, as {why}."
    plan = "Numba backend" if extension.native is None else "native plan"
    return (
        f"The ceiling is a rule that only adds: compiled by Numba, run by the {plan} in the same "
        "chunks and on the same threads, over as many arrays. It is the traffic of the memory, and "
        "the call."
    )


def _measured(measure: Callable[[Settings], Iterator[Any]], settings: Settings) -> list[Any]:
    fastopt.set_num_threads(settings.threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries
        found = list(measure(settings))
    settings.say("")
    return found


def _print(title: str, text: str, table: str) -> None:
    print("", title.upper(), report.prose(text), "", table, sep="\n", flush=True)


def _listed(settings: Settings) -> dict[str, Any]:
    return {
        "algorithms": settings.algorithms,
        "sizes": [shape._asdict() for shape in settings.shapes],
        "threads": settings.threads,
        "peers": list(settings.peers),
        "rounds": settings.rounds,
        "seconds_of_a_turn": settings.seconds,
        "turns_beside_products": settings.turns,
    }
