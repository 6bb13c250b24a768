"""Writes the tables of docs/other_names.md: what other libraries call what, and what it is here.

`--check` only says whether the page is what it should be.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from fastopt import frameworks
from fastopt.runtime import attributes, other_names

PAGE = Path(__file__).parent.parent / "docs/other_names.md"
BEGIN, END = "<!-- tools/other_names_page.py -->\n", "<!-- end -->\n"


def tables() -> str:
    """Return all tables, with their headings."""
    methods = ((f"opt.{name}", call) for name, (call, _) in attributes.METHODS.items())
    parts = [
        ("Hyperparameters and settings", options()),
        ("Optimizers", inverted(attributes.OPTIMIZERS.items())),
        ("Schedules", inverted(attributes.SCHEDULES.items())),
        ("Training", inverted(attributes.TRAINING.items())),
        ("Methods", inverted(methods)),
    ]
    return "".join(f"\n## {heading}\n\n{table}\n" for heading, table in parts)


def options() -> str:
    """Return the table of hyperparameters and settings, with the names that ``like=`` takes."""
    theirs = {like: frameworks.names(like) for like in frameworks.NAMES}
    taken = {ours for names in theirs.values() for ours in names}
    forms = {form.partition("=")[0]: form for form in other_names.OPTIONS}
    rows = ["| fastopt | elsewhere | taken as it is |", "|---|---|---|"]
    for ours in {**forms, **dict.fromkeys(sorted(taken))}:
        form = forms.get(ours, ours)
        own = [
            f'{listed(names[ours])} with `like="{like}"`'
            for like, names in theirs.items()
            if ours in names
        ]
        rows.append(f"| `{form}` | {listed(other_names.OPTIONS.get(form, ()))} | {'; '.join(own)} |")
    return "\n".join(rows)


def inverted(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the table of what is ours, and what it is called elsewhere."""
    found: dict[str, list[str]] = {}
    for theirs, ours in pairs:
        found.setdefault(ours, []).append(theirs)
    rows = [f"| `{ours}` | {listed(theirs)} |" for ours, theirs in found.items()]
    return "\n".join(["| fastopt | elsewhere |", "|---|---|", *rows])


def listed(names: str | Iterable[str]) -> str:
    """List names as code."""
    return ", ".join(f"`{name}`" for name in ([names] if isinstance(names, str) else names))


def rewritten(page: str) -> str:
    """Return the page with the tables as they should be."""
    return page.split(BEGIN)[0] + BEGIN + tables() + END + page.split(END)[1]


def main() -> int:
    """Write the page, or check it."""
    page = PAGE.read_text()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(rewritten(page))
    elif page != rewritten(page):
        print(f"{PAGE.name} is out of date: run python tools/other_names_page.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
