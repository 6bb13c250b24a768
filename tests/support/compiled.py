"""Tests written in C++, of what of csrc/ needs neither arrays nor Python."""

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LONGEST = 20  # seconds: a program that waits for ever is an error


def run_alone(source: str, folder: Path, *tested: str) -> None:
    """Compile a file of tests/cpp, with files of csrc/, and run it in the folder: it prints "ok"."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    program = folder / "program"
    csrc = TESTS.parent / "csrc"
    flags = ["-std=c++20", "-O1", "-pthread", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    sources = [TESTS / "cpp" / source, *(csrc / name for name in tested)]
    command = [compiler, *flags, f"-I{csrc}", *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=LONGEST, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
