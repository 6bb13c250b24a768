"""Plants faults in fastopt, one at a time, and shows that the tests notice every one.

``python -m tools.mutants`` works on copies of the tree; the table of faults is tools/mutants.toml. All
tests run first with no fault planted, and it stops where one fails. Then, for each fault, the tests run
that are named for it, and all others (without tests/oracles) if those have not noticed it. It ends with
status 1 if a fault was noticed by none, or by others alone: each has a test of its own.
"""

import argparse
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tools.mutants.project import Project, whole
from tools.mutants.table import mutants
from tools.mutants.tree import StopError
from tools.mutants.trials import try_out


def main() -> int:
    """Try out the table."""
    parser = argparse.ArgumentParser(prog="tools.mutants", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--only", default="", help="a piece of file or line")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first, after a break")
    parser.add_argument("--quick", action="store_true", help="ask the tests named alone")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in mutants() if arguments.only in mutant.label][arguments.skip :]
    if not chosen:
        parser.error(f"no fault of the table contains {arguments.only!r}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended, and removed
    jobs = range(arguments.jobs)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with ThreadPoolExecutor(len(jobs)) as pool:
                trees = list(pool.map(lambda k: Project(Path(folder) / str(k)), jobs))
            others = None if arguments.quick else whole(len(jobs))
            return 0 if try_out(chosen, trees, others, partial(print, flush=True)) else 1
        except StopError as error:
            print(error, file=sys.stderr)
            return 2


if __name__ == "__main__":
    raise SystemExit(main())
