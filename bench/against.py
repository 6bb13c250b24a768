"""``python -m bench.against COMMIT``: another commit and this working tree, measured in turn.

Both are built into folders of their own, with what is installed beside them. Then their processes take
turns (A B, B A, ...): each measures every row of bench/rows.py in turn. Printed are the medians of the
processes' times, and the median of the ratios of neighbours, new to old. ``--rows TEXT ...`` takes
the rows whose names contain one of the texts, ``--list`` names all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).parent.parent
SECONDS = 0.2  # that calls of a row are repeated for, in each process
FEWEST = 3  # calls
Times = dict[str, float]


def built(source: Path, place: Path) -> Path:
    """Install a source tree, without what it needs, into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place)]
    subprocess.run([*command, str(source)], check=True)
    return place


@contextmanager
def checked_out(commit: str, place: Path) -> Iterator[Path]:
    """Check a commit out beside the repository."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(place), commit], check=True)
    try:
        yield place
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=True)


def measured(package: Path, rows: list[str]) -> Times:
    """Measure rows in a process that imports a package."""
    settings = {**os.environ, "PYTHONPATH": str(package)}
    command = [sys.executable, "-P", str(Path(__file__).parent / "measure.py"), *rows]
    done = subprocess.run(command, env=settings, check=True, capture_output=True, text=True)
    times: Times = json.loads(done.stdout)
    return times


def spelled(seconds: float) -> str:
    """Spell a time with the unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def compare(old: Path, new: Path, rows: list[str], rounds: int) -> Iterator[str]:
    """Measure both in turn; yield a line for each row."""
    packages = {"old": old, "new": new}
    found: list[dict[str, Times]] = []
    for turn in range(rounds):
        order = list(packages)[:: 1 if turn % 2 == 0 else -1]
        found.append({name: measured(packages[name], rows) for name in order})
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    for row in rows:
        ratios = sorted(each["new"][row] / each["old"][row] for each in found)
        times = {name: median(each[name][row] for each in found) for name in packages}
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        yield (
            f"{row:<40} {spelled(times['old']):>9} {spelled(times['new']):>9} "
            f"{median(ratios):>7.3f}   {spread}"
        )


def main() -> None:
    """Run the command."""
    from bench.rows import ROWS

    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("commit", nargs="?", help="what to compare with, as git names it")
    parser.add_argument("--rows", nargs="+", default=[""], metavar="TEXT", help="pieces of rows' names")
    parser.add_argument("--rounds", type=int, default=9, help="of two processes each; at least 7 count")
    parser.add_argument("--list", action="store_true", help="name the rows")
    given = parser.parse_args()
    rows = [name for name in ROWS if any(piece in name for piece in given.rows)]
    if given.list or given.commit is None or not rows:
        print("\n".join(ROWS))
        return
    begun = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with checked_out(given.commit, Path(folder, "source")) as source:
            old = built(source, Path(folder, "old"))
        new = built(ROOT, Path(folder, "new"))
        print(f"built in {perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        print(f"{'':<40} {'old':>9} {'new':>9} {'new/old':>7}   over {given.rounds} rounds")
        for line in compare(old, new, rows, given.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
