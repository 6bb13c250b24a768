"""Counts what was tried, and keeps what went wrong."""

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MOST_SHOWN = 20
NAME_LENGTH = 200


class Tally:
    """What has been tried; the name of the case on trial stands in a file, should it be the last."""

    def __init__(self, now: Path, turn: int = 0, turns: int = 1) -> None:
        """Try those cases whose turn it is, of so many."""
        self._turn, self._turns, self._met = turn, turns, 0
        now.write_bytes(b" " * NAME_LENGTH)
        with now.open("r+b") as file:
            self._now = mmap.mmap(file.fileno(), NAME_LENGTH)
        self.cases = 0
        self.inputs: set[str] = set()
        self.accepted: list[str] = []
        self.changed: list[str] = []
        self.wrongly: list[str] = []  # refused, with another error or other words

    def begin(self, k: int) -> None:
        """Begin the k-th series of the same cases: another turn has each of them."""
        self._met = k

    def refuses(
        self,
        kind: str,
        name: str,
        where: str,
        call: Callable[[], object],
        error: type[BaseException],
        words: tuple[str, ...],
        watched: Callable[[], str],
    ) -> None:
        """Try what must raise and change nothing; `kind` and `name` are the input's, wherever it is."""
        self._met += 1
        if self._met % self._turns != self._turn:
            return
        case = f"{kind}: {name}, {where}"
        self._now[:] = case.encode()[:NAME_LENGTH].ljust(NAME_LENGTH)
        self.cases += 1
        self.inputs.add(f"{kind}: {name}")
        before = watched()
        try:
            call()
        except BaseException as caught:
            message = str(caught)
            if type(caught) is not error or not all(word in message for word in words):
                self.wrongly.append(f"{case}: {type(caught).__name__}: {message}, not {words}")
        else:
            self.accepted.append(case)
        if watched() != before:
            self.changed.append(case)

    def report(self) -> dict[str, Any]:
        failures = {k: getattr(self, k) for k in ("accepted", "changed", "wrongly")}
        return {
            "cases": self.cases,
            "inputs": sorted(self.inputs),
            **{k: len(v) for k, v in failures.items()},
            "shown": {k: v[:MOST_SHOWN] for k, v in failures.items() if v},
            "numpy": np.__version__,
        }
