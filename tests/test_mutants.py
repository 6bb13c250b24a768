"""The table of faults that tools/mutants.py plants fits the code as it is."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TABLE = tomllib.loads((ROOT / "tools" / "mutants.toml").read_text())
FAULTS = [entry for group in TABLE["group"] for entry in group["mutants"]]


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 60
    assert len({tuple(entry) for entry in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("entry", FAULTS, ids=lambda entry: f"{entry[0]}: {entry[1][:40]}")
def test_a_fault_has_one_place(entry: list[Any]) -> None:
    file, old, new = entry
    if not (ROOT / "python").exists():
        pytest.skip("the package is installed, and its source is not here")
    assert (ROOT / file).read_text().count(old) == 1
    assert old != new
