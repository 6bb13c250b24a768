"""docs/dialects.md says what the dialects are and how far apart: what is measured is what it says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import fastopt
from fastopt.optimizers import CLASSES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/dialects.md").read_text()


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dialect_gaps", ROOT / "tools/dialect_gaps.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_table_is_what_is_measured(tool: ModuleType) -> None:
    assert not tool.check(PAGE)


def test_the_table_has_every_pair(tool: ModuleType) -> None:
    rows = {tuple(row.split(" | ")[:2]) for row in tool.split(PAGE)[1].splitlines()[2:]}
    pairs = {(f"| {name}", like) for name in CLASSES for like in fastopt.dialects(name)}
    assert rows == {pair for pair in pairs if pair[1] not in ("torch", "default")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| SGD | thinc |", "| SGD | spacy |"),
        ("bias_correction=False", "bias_correction=True"),
        ("| 4e-6 |", "| 1e-5 |"),
        ("| 0 |", "| 1e-9 |"),
    ],
)
def test_another_table_is_found_out(tool: ModuleType, old: str, new: str) -> None:
    assert tool.check(PAGE.replace(old, new, 1))


def test_another_last_digit_is_not(tool: ModuleType) -> None:
    assert "| 4e-6 |" in PAGE
    assert not tool.check(PAGE.replace("| 4e-6 |", "| 3e-6 |"))
