"""docs/other_names.md has the names that errors quote, and docs/schedules.md the same of schedules."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from fastopt.runtime import attributes, other_names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/other_names.md").read_text(encoding="utf-8")
SCHEDULES = (ROOT / "docs/schedules.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("other_names", ROOT / "tools/other_names_page.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_page_has_the_tables(tool: ModuleType) -> None:
    assert tool.rewritten(PAGE) == PAGE


@pytest.mark.parametrize(
    ("old", "new"), [("`b1`", "`b3`"), ("`fastopt.schedules.cosine`", "`cosine`"), ("`opt.update`", "")]
)
def test_another_table_is_found_out(tool: ModuleType, old: str, new: str) -> None:
    assert old in PAGE
    changed = PAGE.replace(old, new)
    assert tool.rewritten(changed) != changed


def test_the_schedules_have_the_same_names_on_both_pages() -> None:
    known = {other_names.plain(theirs): ours for theirs, ours in attributes.SCHEDULES.items()}
    table = SCHEDULES.split("## List of schedules")[1].split("\n\n")[1]
    meant: dict[str, set[str]] = {}
    for row in table.splitlines()[2:]:
        cells = [cell.strip(" `") for cell in row.strip("|").split(" | ")]
        for theirs in re.findall(r"(\w+)(?:\([^)]*\))?", " ".join(cells[2:])):
            meant.setdefault(theirs, set()).add(f"fastopt.schedules.{cells[0]}")
    assert len(meant) > 25
    for theirs, ours in meant.items():
        assert known[other_names.plain(theirs)] in ours, theirs
