"""What tests share: --thorough, each backend in turn, settings put back, scripts in a new process."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent

import pytest
from support.environment import SETTINGS
from support.variants import ANY_SHAPE, FOUNDING

from fastopt import backends
from fastopt.backends import choice
from fastopt.runtime import threads
from fastopt.runtime.extension import native

OTHERS = set(ANY_SHAPE) - set(FOUNDING)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough", action="store_true", help="10,000 examples of each property, and arrays of 17 GB"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Try what is the same on every backend with the algorithms of 0.1, and with the others on one.

    That their bits are the same on all is for numerics/test_bits.py and the golden hashes to say.
    """
    if config.getoption("--thorough"):
        return
    here = next(name for name in backends.NAMES if not backends.backend(name).why_not())
    left_out = [item for item in items if _is_for_few(item, here)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_for_few(item, here)]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave the tests themselves, which stay to the end, out of collections of garbage from now on."""
    gc.collect()
    gc.freeze()


def _is_for_few(item: pytest.Item, here: str) -> bool:
    given = getattr(getattr(item, "callspec", None), "params", {})
    if given.get("backend", here) == here:
        return False
    return any(isinstance(value, str) and value in OTHERS for value in given.values())


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Say whether there is time and memory for everything."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(params=backends.NAMES)
def backend(request: pytest.FixtureRequest) -> str:
    """Run the test once on each backend that this installation can use."""
    name = str(request.param)
    why_not = backends.backend(name).why_not()
    if why_not:
        pytest.skip(why_not)
    return name


@pytest.fixture
def default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without settings from the environment, and undo what the test sets for the process."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.setattr(threads, "_default", None)
    monkeypatch.setattr(choice, "_default", "")
    monkeypatch.setattr(choice, "_warned", False)


@pytest.fixture
def level() -> Iterator[Callable[[str], None]]:
    """Use another instruction-set level for the time of a test."""
    assert native is not None
    before = native.level_in_use()
    yield native.use_level
    native.use_level(before)


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Give a function that runs a script in a new process and returns what it has printed."""

    def run(script: str, *, timeout: float = 300, **settings: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k not in SETTINGS} | settings
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", dedent(script)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    return run
