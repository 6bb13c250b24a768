"""The tables of README.md and docs/algorithms.md are those of the classes' facts."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from fastopt.optimizers import CLASSES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("algorithms", ROOT / "tools/algorithms_page.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("name", ["README.md", "docs/algorithms.md"])
def test_the_page_has_the_table(tool: ModuleType, name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert tool.rewritten(page, tool.PAGES[name]()) == page
    changed = page.replace("`NAdam`", "`Nadam`", 1)
    assert changed != page
    assert tool.rewritten(changed, tool.PAGES[name]()) != changed


def test_every_algorithm_is_of_a_kind_that_has_a_table(tool: ModuleType) -> None:
    found = [each.name for kind in tool.KINDS for each in tool.of_kind(kind)]
    assert sorted(found) == sorted(CLASSES)
