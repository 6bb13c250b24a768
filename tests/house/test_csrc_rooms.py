"""The rooms of csrc/: what each may include, and what it may know of Python and of std::."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CSRC = next(p for p in Path(__file__).parents if (p / "csrc").is_dir()) / "csrc"
ROOMS = ["kernels", "dispatch", "pool", "plan", "python"]  # each includes itself and those before it
WITHOUT_PYTHON = ROOMS[:-1]
MOST_FLAT = 8
GENERATED = {"kernels/table.cpp": "rules.inc", "dispatch/levels.cpp": "levels.inc"}  # by CMake

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)
PYTHON = re.compile(r"Python\.h|pybind11|\bPy[A-Z]\w*|\bpy::")
# A shared template could be compiled for a higher level than the one that it is called on.
STD = re.compile(r"\bstd::(?!(?:ptrdiff_t|size_t|uintptr_t|uint(?:8|16|32|64)_t)\b)\w+")
# They take the GIL in a destructor, where a thread that has to end aborts the process.
TAKES_GIL = re.compile(
    r"gil_scoped_\w+|npy_api::get\b|isinstance<py::array|call_once\w*|PyGILState_Ensure"
)
HEADERS = {"cstddef", "cstdint", "immintrin.h"}  # the last is instructions, and no template

Files = dict[str, str]


def files() -> Files:
    """The text of every file, by its path in csrc/."""
    paths = (p for p in CSRC.rglob("*") if p.suffix in {".cpp", ".hpp"})
    return {p.relative_to(CSRC).as_posix(): p.read_text() for p in paths}


def rank(name: str) -> int:
    """How high the room of a file is; the flat files are above all."""
    room, _, rest = name.partition("/")
    return ROOMS.index(room) if rest else len(ROOMS)


def included(text: str, quote: str = '"') -> list[str]:
    """What a file includes, between quotes or angle brackets."""
    return [name for begin, name in INCLUDE.findall(text) if begin == quote]


def code(text: str) -> str:
    """A file without its comments."""
    return re.sub(r"//.*", "", text)


def offences(found: Files) -> list[str]:
    """Name each place where a file does what its room forbids."""
    wrong = []
    for name, text in found.items():
        for other in included(text):
            if other == GENERATED.get(name):
                continue
            if other not in found:
                wrong.append(f"{name} includes {other}, which is not a path in csrc/")
            elif rank(other) > rank(name):
                wrong.append(f"{name} includes {other}, of a room above it")
        wrong += [f"{name} has {word}" for word in TAKES_GIL.findall(code(text))]
        room = name.partition("/")[0]
        if room in WITHOUT_PYTHON:
            wrong += [f"{name} has {word}" for word in PYTHON.findall(code(text))]
        if room == "kernels":
            wrong += [f"{name} has {word}" for word in STD.findall(code(text))]
            wrong += [f"{name} includes <{x}>" for x in included(text, "<") if x not in HEADERS]
        if not text.startswith("// "):
            wrong.append(f"{name} has no first line that says what it is")
    return wrong


def cycle(found: Files) -> list[str]:
    """Name the files of a circle of includes."""
    try:
        TopologicalSorter({name: included(text) for name, text in found.items()}).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def test_each_file_keeps_to_its_room() -> None:
    assert not offences(files())


def test_includes_make_no_circle() -> None:
    assert not cycle(files())


def test_few_files_are_flat() -> None:
    assert len([p for p in CSRC.iterdir() if p.is_file()]) <= MOST_FLAT
    assert {name.partition("/")[0] for name in files() if "/" in name} == set(ROOMS)


def test_the_contents_page_names_every_file() -> None:
    page = (CSRC / "README.md").read_text()
    for name in files():
        path = Path(name)
        if path.parent.name == "rules":
            continue
        pair = f"`{path.stem}.hpp`, `.cpp`"
        assert f"`{path.name}`" in page or pair in page, name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("kernels/sweep.hpp", '#include "plan/plan.hpp"'),
        ("plan/step.cpp", '#include "python/gil.hpp"'),
        ("pool/threads.cpp", '#include "wait.hpp"'),
        ("plan/plan.hpp", "#include <Python.h>"),
        ("pool/wait.hpp", "#include <pybind11/pybind11.h>"),
        ("dispatch/levels.cpp", "PyObject* object;"),
        ("plan/bind.hpp", "void take(py::handle);"),
        ("kernels/stages.hpp", "T x = std::max(a, b);"),
        ("python/bind.cpp", "py::gil_scoped_release released;"),
        ("fastcall.cpp", "py::detail::npy_api::get();"),
        ("kernels/rules/sgd.hpp", "#include <cmath>"),
    ],
)
def test_an_offence_is_found(name: str, line: str) -> None:
    found = files()
    found[name] += line + "\n"
    assert {wrong.split()[0] for wrong in offences(found)} == {name}


def test_a_circle_is_found() -> None:
    found = files()
    found["plan/pass.hpp"] += '#include "plan/update.hpp"\n'
    assert set(cycle(found)) == {"plan/pass.hpp", "plan/update.hpp"}
