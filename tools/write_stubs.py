"""Writes the stub that tells type checkers which algorithms there are: run it after adding one.

`fastopt.optimizers` finds its modules by itself, which no type checker can follow. `--check` only says
whether the stub is what it should be.
"""

import sys
from pathlib import Path

import fastopt.optimizers

HEAD = "# Written by tools/write_stubs.py.\n"


def stub() -> str:
    """Return the stub's text."""
    classes = sorted(fastopt.optimizers.CLASSES.items())
    lines = [f"from {cls.__module__} import {name} as {name}\n" for name, cls in classes]
    names = sorted((name for name, _ in classes), key=lambda name: (not name.isupper(), name))
    listed = "".join(f'    "{name}",\n' for name in names)  # in ruff's order
    return (
        HEAD
        + "from fastopt.optimizer import Optimizer as Optimizer\n"
        + "".join(sorted(lines))
        + f"\nCLASSES: dict[str, type[Optimizer]]\n\n__all__ = [\n{listed}]\n"
    )


def main() -> int:
    """Write the stub, or check it."""
    path = Path(__file__).parent.parent / "python/fastopt/optimizers/__init__.pyi"
    if "--check" not in sys.argv[1:]:
        path.write_text(stub())
    elif not path.exists() or path.read_text() != stub():
        print(f"{path.name} is out of date: run python tools/write_stubs.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
