"""The rules of the rooms: imports go down, come through contents pages, and take no private name.

A room is a folder of the package, or a file in its root. All imports count: those inside of functions,
and those for type checkers alone.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import fastopt

PACKAGE = Path(fastopt.__file__).parent

# From the ground up: each imports from those before it alone. The public page imports what is behind it
# when it is named, and is imported by what uses the package as anyone does.
ROOMS = [
    *("version", "runtime", "numerics", "arrays", "algorithm", "schedules", "rows", "model"),
    *("followers", "frameworks", "backends", "step", "moves", "closure", "checkpoint", "state"),
    *("optimizer", "optimizers", "registry", "functional", "loading", "smoothing", "dialect"),
    *("description", "convert", "rules", "training"),
    *("torch", "scipy", "sklearn", "autograd", "thinc"),
    *("__init__", "demo", "bench", "__main__"),
]
MOST_IN_THE_ROOT = 12


class Import(NamedTuple):
    """One name that a file imports; all are dotted, below fastopt."""

    file: Path
    line: int
    module: str  # "step.bind" or "step"; nothing for the public page
    name: str

    @property
    def room(self) -> str:
        """The room that it comes from."""
        whole = f"{self.module}.{self.name}" if not self.module else self.module
        first = whole.strip(".").split(".")[0]
        return first if first in ROOMS else "__init__"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.module}: {self.name}"


def imports(file: Path, source: str) -> Iterator[Import]:
    """List what a file imports of fastopt."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "fastopt":
                    yield Import(file, node.lineno, alias.name.removeprefix("fastopt").strip("."), "")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fastopt":
            module = (node.module or "").removeprefix("fastopt").strip(".")
            yield from (Import(file, node.lineno, module, alias.name) for alias in node.names)


def room_of(file: Path) -> str:
    return file.parts[0] if len(file.parts) > 1 else file.stem


def sources() -> dict[Path, str]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {file.relative_to(PACKAGE): file.read_text(encoding="utf-8") for file in files}


def listed(page: str) -> set[str]:
    """List the names on a contents page: those in its `__all__`, or set on it, or imported by it."""
    found = {"*", "__all__"}
    for node in ast.parse(page).body:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.add(node.targets[0].id)
            if node.targets[0].id == "__all__":
                found |= {str(e.value) for e in ast.walk(node.value) if isinstance(e, ast.Constant)}
    return found


def is_on_a_page(each: Import, texts: dict[Path, str]) -> bool:
    """Return whether a name is on the contents page that it is imported from, or of a file."""
    if not each.module or Path(f"{each.module}.py") in texts:
        return True
    page = texts.get(Path(*each.module.split("."), "__init__.py"))
    return page is not None and (not each.name or each.name in listed(page))


def faults(texts: dict[Path, str]) -> list[str]:
    """List what breaks the rules."""
    found = []
    for file, text in texts.items():
        mine = room_of(file)
        for each in imports(file, text):
            if re.match(r"_(?!_)", each.name):
                found.append(f"{each} is private to its file")
            if each.room == mine:
                continue
            if ROOMS.index(each.room) > ROOMS.index(mine):
                found.append(f"{each} goes up, from {mine} to {each.room}")
            if not is_on_a_page(each, texts):
                found.append(f"{each} is not on the contents page of {each.room}")
    return found


def test_imports_keep_the_rules() -> None:
    found = faults(sources())
    assert not found, "\n".join(found)


def test_no_file_is_imported_in_a_circle() -> None:
    texts = sources()
    needs = {f: {target(each, texts) for each in imports(f, text)} for f, text in texts.items()}
    done: set[Path] = set()
    while left := {file for file, found in needs.items() if file not in done}:
        free = {file for file in left if not (needs[file] - done - {file})}
        assert free, sorted(map(str, left))
        done |= free


def target(each: Import, texts: dict[Path, str]) -> Path:
    """Return the file that an import runs: a module, or the page of a room."""
    parts = each.module.split(".") if each.module else []
    for tried in ([*parts, each.name] if each.name else [], parts):
        if tried and Path(*tried).with_suffix(".py") in texts:
            return Path(*tried).with_suffix(".py")
        if tried and Path(*tried, "__init__.py") in texts:
            return Path(*tried, "__init__.py")
    return Path("__init__.py")


def test_the_root_is_small() -> None:
    files = [file for file in PACKAGE.iterdir() if file.is_file() and ".so" not in file.suffixes]
    assert len(files) <= MOST_IN_THE_ROOT, sorted(file.name for file in files)


def test_every_file_is_in_a_room() -> None:
    assert {room_of(file) for file in sources()} == set(ROOMS)


def test_the_public_page_shows_what_it_lists() -> None:
    assert dir(fastopt) == sorted(fastopt.__all__)


def test_the_faults_are_found() -> None:
    texts = {
        Path("step/__init__.py"): '__all__ = ["bind"]\nfrom fastopt.step.binding import bind\n',
        Path("step/bind.py"): "def f():\n    from fastopt.state import save\n",
        Path("state/__init__.py"): "__all__ = ['save']\n",
        Path("optimizer.py"): "from fastopt.step import take\nfrom fastopt.step.bind import bind\n",
        Path("registry.py"): "from fastopt.optimizer import _hidden\nimport fastopt\n",
    }
    words = ["goes up", "take is not on", "bind is not on", "private", "goes up"]
    found = faults(texts)
    assert len(found) == len(words), found
    for each, word in zip(found, words, strict=True):
        assert word in each
