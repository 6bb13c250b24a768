"""Writes the tables of algorithms, of their classes' facts, in docs/algorithms.md and README.md.

`--check` only says whether both are what they should be.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fastopt
from fastopt.algorithm.facts import KINDS
from fastopt.description import Description
from fastopt.optimizers import CLASSES

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- tools/algorithms_page.py -->\n", "<!-- end -->\n"


def of_kind(kind: str) -> Iterator[Description]:
    """Describe the algorithms of a kind."""
    for cls in CLASSES.values():
        if cls.facts.kind == kind:
            yield fastopt.describe(cls)


def pages() -> str:
    """Return a table of each kind, with what there is to say of an algorithm in a row."""
    parts = []
    for kind, heading in KINDS.items():
        rows = ["| class | good for | options of its own | states | from |", "|---|---|---|---|---|"]
        for found in of_kind(kind):
            options = ", ".join(f"`{name}` {shown(x)}" for name, x in found.hyperparameters.items())
            named = {name: f"**{name}**" if name in found.few_bits else name for name in found.states}
            states = ", ".join(named[name] for name in found.needed) or "none"
            more = [named[name] for name in found.states if name not in found.needed]
            states += f" ({', '.join(more)} by an option)" if more else ""
            rows.append(
                f"| `{found.name}` | {found.good_for} | {options} | {states} | {linked(found.paper)} |"
            )
        parts.append(f"\n## {heading}\n\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def shown(value: object) -> str:
    """Spell a default."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return f'"{value}"' if isinstance(value, str) else str(value)


def linked(paper: str) -> str:
    """Link what is on arXiv."""
    words = []
    for word in paper.split():
        number = word.rstrip(";,.")
        rest = word[len(number) :]
        if number.startswith("arXiv:"):
            number = f"[{number[6:]}](https://arxiv.org/abs/{number[6:]})"
        words.append(number + rest)
    return " ".join(words)


def by_kind() -> str:
    """Return the table of kinds, with the names of their algorithms."""
    rows = ["| | |", "|---|---|"]
    for kind, heading in KINDS.items():
        rows.append(f"| {heading} | {', '.join(f'`{found.name}`' for found in of_kind(kind))} |")
    return "\n".join(rows) + "\n"


PAGES: dict[str, Callable[[], str]] = {"README.md": by_kind, "docs/algorithms.md": pages}


def rewritten(page: str, table: str) -> str:
    """Return a page with the table as it should be."""
    return page.split(BEGIN)[0] + BEGIN + table + END + page.split(END)[1]


def main() -> int:
    """Write the pages, or check them."""
    left = 0
    for name, table in PAGES.items():
        path = ROOT / name
        page = path.read_text()
        if "--check" not in sys.argv[1:]:
            path.write_text(rewritten(page, table()))
        elif page != rewritten(page, table()):
            print(f"{name} is out of date: run python tools/algorithms_page.py")
            left = 1
    return left


if __name__ == "__main__":
    sys.exit(main())
