"""What the messages of the package tell people to do, in tables of text: each row is done by a test.

A row is a block of lines of Python, in which the names of `scene` are known::

    opt.max_consecutive_skips = 5           the last line raises or warns, when nothing has changed
    > set nonfinite='skip' before it        what is in its message
    opt.nonfinite = 'skip'                  that done, in place of the last line; without such lines,
    opt.max_consecutive_skips = 5           what is in the message is a line to write
    = opt.max_consecutive_skips == 5        what holds then
    @ torch                                 a library without which the row is left out

It begins with ``~>`` where an error comes up when something has been done already, such as a step.
"""

from pathlib import Path
from typing import NamedTuple

TABLES = sorted(Path(__file__).parent.glob("*.txt"))
EVERY = "every row:\n"  # begins lines that are run before all rows of a table


class Told(NamedTuple):
    """A row."""

    before: str
    wrong: str
    says: str
    done: str
    holds: str = "True"
    needs: str = ""
    changes: bool = False


def rows(table: Path) -> list[Told]:
    """Read a table."""
    text = "\n".join(line for line in table.read_text().splitlines() if not line.startswith("#"))
    every, found = "", []
    for block in text.strip().split("\n\n"):
        if block.startswith(EVERY):
            every = block.removeprefix(EVERY) + "\n"
        else:
            found.append(_row(every, block.strip().splitlines()))
    return found


def _row(every: str, lines: list[str]) -> Told:
    marks = {">": "says", "~>": "says", "=": "holds", "@": "needs"}
    parts: dict[str, str] = {}
    wrong: list[str] = []
    done: list[str] = []
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark in marks:
            parts[marks[mark]] = rest
        else:
            (done if "says" in parts else wrong).append(line)
    changes = any(line.startswith("~> ") for line in lines)
    before = every + "\n".join(wrong[:-1])
    return Told(before, wrong[-1], done="\n".join(done) or parts["says"], changes=changes, **parts)
