"""The table of hashes: a line for each run, which says what is run and what it ends with."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from golden.data import Array, canonical
from golden.runs import KINDS, Run, runs

from fastopt import backends
from fastopt.runtime.extension import native

PAGE = Path(__file__).with_name("hashes.json")
DTYPES = ("float32", "float64")

Hashes = dict[str, str]  # by dtype


def key(run: Run) -> str:
    """Name a run by all that decides it."""
    return json.dumps(run._replace(options=dict(sorted(run.options.items())))._asdict())


def run_of(name: str) -> Run:
    """Make the run of its name."""
    return Run(**json.loads(name))


def wanted() -> list[str]:
    """List the rows that there have to be."""
    return list(dict.fromkeys(map(key, runs())))


def read() -> dict[str, Hashes]:
    """Read the table."""
    rows: list[dict[str, Any]] = json.loads(PAGE.read_text())
    return {key(Run(*(row.pop(field) for field in Run._fields))): row for row in rows}


def write(rows: dict[str, Hashes]) -> None:
    """Write the table."""
    lines = (json.dumps({**run_of(name)._asdict(), **found}) for name, found in rows.items())
    PAGE.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def hashes(name: str, backend: str) -> Hashes:
    """Compute the hashes of a row."""
    run = run_of(name)
    return {dtype: digest(KINDS[run.kind](run, np.dtype(dtype), backend)) for dtype in DTYPES}


def digest(arrays: Iterable[Array]) -> str:
    """Hash arrays: SHA-256 over dtypes, shapes and bits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.name}{array.shape}".encode())
        found.update(canonical(array))
    return found.hexdigest()


def places() -> list[str]:
    """List where a run can take place: ``"numpy"``, ``"numba"``, ``"native x86-64-v3"``, ..."""
    levels = native.runnable_levels() if native else []
    others = [name for name in ("numpy", "numba") if not backends.backend(name).why_not()]
    return [*others, *(f"native {level}" for level in levels)]


@contextmanager
def at(place: str) -> Iterator[str]:
    """Use the instruction set of a place, for a with block; give the name of its backend."""
    backend, _, level = place.partition(" ")
    if not level:
        yield backend
        return
    assert native is not None
    before = native.level_in_use()
    native.use_level(level)
    try:
        yield backend
    finally:
        native.use_level(before)
