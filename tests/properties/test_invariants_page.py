"""docs/invariants.md names every test of a property, and none that is not there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "invariants.md").read_text()


def test_page_and_tests_agree() -> None:
    files = [path for path in HERE.glob("test_*.py") if path != Path(__file__)]
    written = {
        name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    rows = re.findall(r"^\| I(\d+) \|.*\| (.*) \|$", PAGE, re.M)
    named = [name for _, tests in rows for name in re.findall(r"`(test_\w+)`", tests)]
    assert [int(number) for number, _ in rows] == list(range(1, 28))
    assert sorted(named) == sorted(written)
