"""Tests written in C++, of headers that need neither arrays nor Python."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run_alone(source: str, folder: Path) -> None:
    """Compile a file of tests/cpp into a program in the folder, and run it: it has to say "ok"."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    program = folder / "program"
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    headers = f"-I{HERE.parent / 'csrc'}"
    command = [compiler, *flags, headers, str(HERE / "cpp" / source), "-o", str(program)]
    subprocess.run(command, check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
