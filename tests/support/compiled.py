"""Tests written in C++, of what of csrc/ needs neither arrays nor Python."""

import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CSRC = TESTS.parent / "csrc"
FLAGS = ["-std=c++20", "-O1", "-pthread", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
LONGEST = 20  # seconds: a program that waits for ever is an error


def compiler() -> str:
    """Find a C++ compiler; without one the test is skipped."""
    found = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("there is no C++ compiler")
    return found


def run_alone(source: str, folder: Path, *tested: str) -> None:
    """Compile a file of tests/cpp, with files of csrc/, and run it in the folder: it prints "ok"."""
    program = folder / "program"
    sources = [TESTS / "cpp" / source, *(CSRC / name for name in tested)]
    command = [compiler(), *FLAGS, f"-I{CSRC}", *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=LONGEST, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def build(folder: Path, *units: Iterable[Path]) -> Path:
    """Compile units at the same time, and link them; the files of a unit are compiled as one.

    What CMake generates for csrc/ is in the folder.
    """
    # Of OpenMP, as in CMakeLists.txt, the directive simd alone; and no operation is fused with another.
    numerics = ["-ffp-contract=off", "-fopenmp-simd"]
    command = [compiler(), *FLAGS, *numerics, *(f"-I{path}" for path in (folder, CSRC, TESTS / "cpp"))]

    def compile_unit(number: int, files: Iterable[Path]) -> str:
        unit, compiled = folder / f"unit_{number}.cpp", folder / f"unit_{number}.o"
        unit.write_text("".join(f'#include "{file.as_posix()}"\n' for file in files))
        subprocess.run([*command, "-c", str(unit), "-o", str(compiled)], check=True)
        return str(compiled)

    with ThreadPoolExecutor() as pool:
        objects = list(pool.map(compile_unit, range(len(units)), units))
    program = folder / "program"
    subprocess.run([*command, *objects, "-o", str(program)], check=True)
    return program
