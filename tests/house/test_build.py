"""The extension as it was built: what it links, exports and contains; what importing it costs."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from tools.check_dist import machine_code

import fastopt
from fastopt.runtime.extension import native

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")


def output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def extension() -> str:
    assert native is not None
    assert native.__file__ is not None
    return native.__file__


def test_the_native_backend_is_there() -> None:
    info = fastopt.build_info()
    assert info["unavailable"].get("native") is None
    assert info["isa"] in info["isa_levels"]
    assert "-ffp-contract=off" in info["flags"]


def test_no_openmp_runtime_is_linked() -> None:
    assert not re.search(r"gomp|iomp|libomp", output("readelf", "-d", extension()))


def test_nothing_but_the_modules_init_is_exported() -> None:
    symbols = output("nm", "-D", "--defined-only", extension()).split("\n")
    names = {line.split()[-1] for line in symbols if line}
    assert names == {"PyInit__native"}


@cache
def disassembly() -> machine_code.Functions:
    output("objdump", "--version")
    return machine_code.disassembly(Path(extension()))


def test_no_approximate_or_contracted_instruction() -> None:
    assert not machine_code.inexact(disassembly())


def test_wide_registers_only_in_the_kernels_of_their_level() -> None:
    if not any("x86_64_v4" in name for name in disassembly()):
        pytest.skip("the extension is stripped, or built for another processor")
    assert not machine_code.beyond_their_level(disassembly())


def test_importing_costs_little_and_brings_nothing_along() -> None:
    code = (
        "import numpy, sys, time; known = set(sys.modules); t = time.process_time(); import fastopt; "
        "t = time.process_time() - t; "
        "print(t, *{m.split('.')[0] for m in set(sys.modules) - known})"
    )
    runs = [output(sys.executable, "-c", code).split() for _ in range(5)]
    brought = {name for run in runs for name in run[1:] if not name.startswith("_")}
    assert not brought & {"numba", "torch", "jax", "sklearn", "matplotlib", "tqdm", "scipy"}
    # The figure to keep is 20 ms, of the processor, as a busy machine does not matter then; five times
    # that is a mistake.
    assert min(float(run[0]) for run in runs) < 0.1


def test_the_package_is_typed() -> None:
    package = Path(fastopt.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "_native.pyi").exists()


def test_sweeps_are_vector_code() -> None:
    """The loop of every rule has packed products in its level's widest registers, for both dtypes."""
    widest = {
        "x86_64_v4": {"float": r"vmulps.*zmm", "double": r"vmulpd.*zmm"},
        "x86_64_v3": {"float": r"vmulps.*ymm", "double": r"vmulpd.*ymm"},
        "baseline": {"float": r"\bmulps|fmul\s+v\d+\.4s", "double": r"\bmulpd|fmul\s+v\d+\.2d"},
    }
    loops: dict[tuple[str, ...], list[str]] = {}
    for name, lines in disassembly().items():
        loop = re.match(
            r"void fastopt::(x86_64_v[34]|baseline)::"
            r"(?:sweep|sweep_states|stretch)<(float|double), "
            r".*?::(\w+)(?:<(?:float|double)>)?, .*?::(\w+)<(?:float|double)>",
            name,
        )
        if loop:
            loops.setdefault(loop.groups(), []).extend(lines)
    assert loops or not any("fastopt::" in name for name in disassembly())
    for (level, dtype, *rule), lines in loops.items():
        if rule[1].endswith("_gradient"):  # which is copied, to be measured
            continue
        product = re.compile(widest[level][dtype])
        assert any(product.search(x) for x in lines), (level, dtype, *rule)
