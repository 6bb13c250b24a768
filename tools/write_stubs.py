"""Writes which algorithms there are: an index for the package, a stub for type checkers.

Run it after adding one. `fastopt.optimizers` imports a family when one of its classes is named, by the
index; no type checker can follow that. `--check` only says whether both are what they should be.
"""

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import fastopt.optimizers
from fastopt.algorithm.rule import is_shipped

FOLDER = Path(__file__).parent.parent / "python/fastopt/optimizers"
WRITTEN = "Written by tools/write_stubs.py"


def classes() -> dict[str, str]:
    """Find the module of every class that is shipped."""
    found = {}
    for each in iter_modules(fastopt.optimizers.__path__):
        module = import_module(f"fastopt.optimizers.{each.name}")
        for name, thing in vars(module).items():
            own = isinstance(thing, type) and thing.__module__ == module.__name__
            if own and is_shipped(thing):
                found[name] = each.name
    return dict(sorted(found.items()))


def index(found: dict[str, str]) -> str:
    """Return the text of the index."""
    lines = "".join(f'    "{name}": "{module}",\n' for name, module in found.items())
    return (
        f'"""The module of each class of optimizers. {WRITTEN}."""\n\n'
        "from collections.abc import Mapping\n\n"
        f"INDEX: Mapping[str, str] = {{\n{lines}}}\n"
    )


def stub(found: dict[str, str]) -> str:
    """Return the text of the stub."""
    names = sorted(found, key=lambda name: (not name.isupper(), name))  # in ruff's order
    listed = "".join(f'    "{name}",\n' for name in names)
    names.sort(key=found.__getitem__)
    lines = [f"from fastopt.optimizers.{found[name]} import {name} as {name}\n" for name in names]
    return (
        f"# {WRITTEN}.\n"
        "from collections.abc import Mapping\n\n"
        "from fastopt.optimizer import Optimizer as Optimizer\n"
        + "".join(lines)
        + "\nCLASSES: Mapping[str, type[Optimizer]]\nINDEX: Mapping[str, str]\n"
        + f"\n__all__ = [\n{listed}]\n"
    )


def texts() -> dict[Path, str]:
    """Return what is to stand in each file."""
    found = classes()
    return {FOLDER / "index.py": index(found), FOLDER / "__init__.pyi": stub(found)}


def main() -> int:
    """Write the files, or check them."""
    for path, text in texts().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.name} is out of date: run python tools/write_stubs.py")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
