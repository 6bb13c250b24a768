"""Computes the table of hashes that every platform has to meet: tests/golden/hashes.json.

`--check` computes every row on every backend and instruction set of this machine, which takes some
minutes where Numba is one of them. `--write` adds the rows that are missing, where all backends agree;
it changes none: a row that is no longer meant is deleted by hand, and CONTRIBUTING.md says when.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from golden.table import PAGE, Hashes, at, hashes, places, read, wanted, write


def everywhere(name: str) -> dict[str, Hashes]:
    """Compute the hashes of a row in every place."""
    found = {}
    for place in places():
        with at(place) as backend:
            found[place] = hashes(name, backend)
    return found


def check() -> int:
    """Say which rows are missing, and where one is not met."""
    rows = read()
    wrong = [f"no row: {name}" for name in wanted() if name not in rows]
    for name, expected in rows.items():
        wrong += [f"{place}: {name}" for place, each in everywhere(name).items() if each != expected]
    print("\n".join([*wrong, f"{len(rows)} rows, {len(wrong)} wrong, on {', '.join(places())}"]))
    return 1 if wrong else 0


def add() -> int:
    """Add the rows that are missing."""
    rows = read() if PAGE.exists() else {}
    for name in wanted():
        if name in rows:
            continue
        found = everywhere(name)
        rows[name] = found["numpy"]
        for place, each in found.items():
            if each != rows[name]:
                print(f"nothing is written: {place} and numpy have other bits for {name}")
                return 1
    write(rows)
    return 0


if __name__ == "__main__":
    commands = {"--check": check, "--write": add}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit("give --check or --write")
    sys.exit(commands[sys.argv[1]]())
