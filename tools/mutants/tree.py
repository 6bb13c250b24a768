"""A copy of a project, in which faults are planted and tests are run."""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tools.mutants.table import Mutant

_NO_TESTS = 5  # pytest's status where it finds none


class StopError(Exception):
    """What makes all outcomes worthless: the table is out of date, or the project fails as it is."""


class BrokenError(Exception):
    """A fault with which nothing compiles, so that no test is asked."""


class TestRun(NamedTuple):
    """What became of a selection of tests."""

    status: int  # pytest's
    seconds: float
    said: str  # all that it has printed

    @property
    def noticed(self) -> bool:
        """Whether a test failed, or pytest itself, as where nothing can be imported any more.

        A selection of which nothing is left has noticed nothing.
        """
        return self.status not in (0, _NO_TESTS)

    @property
    def first(self) -> str:
        """The first test that failed, or what else went wrong."""
        lines = self.said.strip().splitlines() or ["it died without a word"]
        failed = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
        return (failed or lines[-1:])[0]


class Tree:
    """The files below `root`, with the interpreter that imports them."""

    def __init__(self, root: Path, python: str) -> None:
        self.root = root
        self.python = python
        self._running: subprocess.Popen[str] | None = None

    def build(self) -> bool:
        """Compile what has changed; return whether it compiles."""
        return True

    def run(self, tests: Sequence[str], longest: float) -> TestRun:
        """Run tests up to the first that fails; what takes longer than so many seconds is stopped."""
        command = [self.python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        begun = time.monotonic()
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            self._running = process
            try:
                said, _ = process.communicate(timeout=longest)
            except subprocess.TimeoutExpired:
                said = f"it hung: not at an end after {longest:.0f} s"
            finally:
                self.stop()
        return TestRun(process.returncode, time.monotonic() - begun, said)

    def stop(self) -> None:
        """End the tests that run, and whatever they have started, which may hang too."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running = None

    def check_intact(self, tests: Sequence[str], longest: float) -> float:
        """Run tests with no fault planted; StopError unless some pass and none fails.

        Return how long they take.
        """
        found = self.run(tests, longest)
        if found.status != 0 or not re.search(r"^\d+ passed\b", found.said, re.MULTILINE):
            raise StopError(
                f"with no fault planted, this does not pass: pytest {shlex.join(tests)}\n{found.said}"
            )
        return found.seconds

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """Change the file, and compile it; put it back. BrokenError where it does not compile."""
        path = self.root / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            raise StopError(f"the table is out of date, as the file lacks this: {mutant.label}")
        try:
            _write(path, text.replace(mutant.old, mutant.new))
            if not self.build():
                raise BrokenError
            yield
        finally:
            _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write a file, and let nothing stay that Python compiled of it.

    Python looks at size and time of a source, in seconds: of two faults both can be the same.
    """
    path.write_text(text)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()
