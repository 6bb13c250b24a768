"""Tries what goes wrong in optimizers on several libraries: the table of docs/hazards.md.

Without an argument it prints the table, `--write` puts it in the page, with the date and the versions,
and `--check` compares fastopt's own column with the page. The columns of the others are
what was observed that day, and nothing that is asserted. A library that is not installed is left out.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from hazards.outcome import is_safe
from hazards.probes import PROBES

PAGE = Path(__file__).parent.parent / "docs/hazards.md"
BEGIN, END = "<!-- tools/hazard_table.py -->\n", "<!-- end -->\n"

# Each column: the package, the module here, its class.
COLUMNS = {
    "fastopt": ("fastopt", "fastopt", "Fastopt"),
    "torch, fused": ("torch", "torch", "Fused"),
    "torch, foreach": ("torch", "torch", "ForEach"),
    "torch, for-loop": ("torch", "torch", "ForLoop"),
    "thinc": ("thinc", "thinc", "Thinc"),
    "optax": ("optax", "optax", "Optax"),
}
TRY = """
import importlib, json, sys
from hazards.outcome import outcome
from hazards.probes import PROBES
make = getattr(importlib.import_module("hazards.libraries." + sys.argv[1]), sys.argv[2])
print(json.dumps([outcome(probe, make) for probe in PROBES]))
"""


def column(name: str) -> list[str] | None:
    """Try all probes on a library, in a process that has imported it; None where it is not there."""
    _, module, cls = COLUMNS[name]
    done = subprocess.run(
        [sys.executable, "-c", TRY, module, cls],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        if "ModuleNotFoundError" in done.stderr:
            return None
        raise RuntimeError(done.stderr)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(columns: dict[str, list[str]]) -> str:
    """Make the table."""
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    rows = zip(PROBES.values(), *columns.values(), strict=True)
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def head() -> str:
    """Return the date and the versions."""
    packages = dict.fromkeys(package for package, _, _ in COLUMNS.values())
    listed = ", ".join(f"{name} {version(name)}" for name in [*packages, "numpy"])
    return f"Observed on {datetime.now(UTC):%Y-%m-%d} with {listed}, on {sys.platform}.\n\n"


def own_column(page: str) -> dict[str, str]:
    """Read fastopt's column, by what each row is about."""
    lines = page.split(BEGIN)[1].split(END)[0].splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ")][1:]
    return {row[0].removeprefix("| "): row[1] for row in rows}


def check(page: str, found: list[str]) -> list[str]:
    """List the rows of fastopt's column that are not safe, or that differ from the page.

    Whether two threads meet is chance: then one is refused, else both are right.
    """
    said = own_column(page)
    return [
        f"{what}: {words}"
        for what, words in zip(PROBES.values(), found, strict=True)
        if not (is_safe(words) and what in said and is_safe(said[what]))
    ] + [f"{what}: there is no such probe" for what in said if what not in PROBES.values()]


def main() -> int:
    """Print, write or check."""
    if "--check" in sys.argv[1:]:
        found = column("fastopt")
        assert found is not None
        wrong = check(PAGE.read_text(), found)
        if wrong:
            print(f"{PAGE.name} is out of date: run python tools/hazard_table.py --write")
            print("\n".join(wrong))
        return 1 if wrong else 0
    every = {name: column(name) for name in COLUMNS}
    made = head() + table({name: found for name, found in every.items() if found is not None})
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text()
        PAGE.write_text(page.split(BEGIN)[0] + BEGIN + made + END + page.split(END)[1])
    else:
        print(made, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
