"""The table of faults: mutants.toml, beside this package."""

import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parent.parent / "mutants.toml"


class Mutant(NamedTuple):
    """One fault: a piece of a file, what it becomes, and the tests that notice it, for pytest."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def label(self) -> str:
        """The fault in a line."""
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}: {old} -> {new or 'nothing'}"


def mutants(table: Path = TABLE) -> list[Mutant]:
    """Read a table."""
    return [
        Mutant(file, old, new, tuple(shlex.split(group["tests"])))
        for group in tomllib.loads(table.read_text())["group"]
        for file, old, new in group["mutants"]
    ]
