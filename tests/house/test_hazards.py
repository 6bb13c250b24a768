"""docs/hazards.md: what goes wrong in optimizers is right here, or refused."""

import importlib
import os
import signal
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Python warns of a fork where there are threads; and so does JAX, once another test has imported it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/hazards.md").read_text()


@pytest.fixture(scope="module")
def tool() -> Any:
    sys.path.insert(0, str(ROOT / "tools"))
    yield importlib.import_module("hazard_table")
    sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module")
def found(tool: ModuleType) -> Any:
    return tool.column("fastopt")


def test_every_probe_is_right_or_refused(tool: ModuleType, found: list[str]) -> None:
    errors = {"TypeError", "ValueError", "RuntimeError", "CheckpointError"}
    safe = {"right", *(f"refused: {error}" for error in errors)}
    outcomes = dict(zip(tool.PROBES.values(), found, strict=True))
    assert {what: words for what, words in outcomes.items() if words not in safe} == {}
    assert len(outcomes) == len(found) >= 35


def test_the_page_says_so(tool: ModuleType, found: list[str]) -> None:
    assert not tool.check(PAGE, found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| a gradient longer than its parameter |", "| a gradient shorter than nothing |"),
        ("| refused: ValueError | ", "| **wrong**, silent | "),
        ("| right | ", "| n/a | "),
    ],
)
def test_another_page_is_found_out(tool: ModuleType, found: list[str], old: str, new: str) -> None:
    before, table = PAGE.split(tool.BEGIN)
    assert old in table
    assert tool.check(before + tool.BEGIN + table.replace(old, new), found)


@pytest.mark.parametrize("words", ["**wrong**, silent", "**crash**: SIGSEGV", "n/a", ""])
def test_an_outcome_that_is_not_safe_is_found_out(
    tool: ModuleType, found: list[str], words: str
) -> None:
    assert tool.check(PAGE, [words, *found[1:]])


def test_outcomes(tool: ModuleType) -> None:
    """What a probe can end in, each in a process that it may take down."""
    outcome = importlib.import_module("hazards.outcome").outcome
    training = importlib.import_module("hazards.training")

    def ends(how: str) -> Any:
        def probe(make: Any) -> Any:
            if how == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "warning":
                warnings.warn("beware", stacklevel=1)
            if how == "error":
                raise KeyError("w")
            if how == "not applicable":
                raise training.NotApplicable
            if how == "half done":
                raise training.HalfDone
            return {"right": True, "accepted": None}.get(how, False)

        return probe

    expected = {
        "right": "right",
        "wrong": "**wrong**, silent",
        "accepted": "**accepted**, silent",
        "warning": "**wrong**, with a warning",
        "error": "refused: KeyError",
        "half done": "**refused, half done**",
        "not applicable": "n/a",
        "crash": "**crash**: SIGKILL",
    }
    assert {how: outcome(ends(how), None) for how in expected} == expected
