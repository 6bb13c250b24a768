"""Files of results: curves and final figures, as CSV or JSON."""

import csv
import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from fastopt.demo.run import Run


class Record(NamedTuple):
    """Facts, and the columns of a curve, all of one length."""

    facts: dict[str, Any]
    curve: dict[str, list[Any]]


FACTS = ("lr", "clipnorm", "batch", "backend", "steps_per_second", "optimizer_share")


def of_teams(teams: Mapping[str, Sequence[Run]]) -> list[Record]:
    """Make the records of training runs, by the titles of their panels in the picture."""
    return [
        Record(
            {"panel": panel, "optimizer": run.label, **{name: getattr(run, name) for name in FACTS}},
            {"step": run.steps, "training_loss": run.losses, "test_loss": run.test_losses,
             "test_accuracy": run.accuracies, "validation_loss": run.validation_losses},
        )
        for panel, runs in teams.items()
        for run in runs
    ]  # fmt: skip


def save(path: Path, records: Sequence[Record], about: Mapping[str, Any]) -> None:
    """Write a .csv, or a .json that also has what it is `about`.

    A .csv has a line for each point of each curve, which repeats the facts; None is left empty. A .json
    is ``{**about, "runs": [{**facts, "curve": {column: [...]}}, ...]}``; what is not finite, which JSON
    cannot hold, is null.
    """
    if path.suffix.lower() == ".json":
        runs = [{**facts, "curve": curve} for facts, curve in records]
        text = json.dumps(_finite({**about, "runs": runs}), allow_nan=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*records[0].facts, *records[0].curve])
        for facts, curve in records:
            writer.writerows([*facts.values(), *point] for point in zip(*curve.values(), strict=True))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
