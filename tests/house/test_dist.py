"""The gates of `tools/check_dist` let pass what is right, and stop each thing that is wrong."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tools.check_dist import builds, environments, gates, installed, machine_code
from tools.check_dist.gates import DistributionError

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")

HARMLESS = {
    "fastopt::baseline::sweep": ["mulps  %xmm0,%xmm1"],
    "fastopt::x86_64_v3::sweep": ["vmulps %ymm0,%ymm1,%ymm2"],
    "fastopt::x86_64_v4::sweep": ["vmulps %zmm0,%zmm1,%zmm2", "vsqrtps %zmm0,%zmm1"],
}


def library(folder: Path, source: str, *flags: str) -> Path:
    """Compile a shared library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    made = folder / "fastopt" / "_native.so"
    made.parent.mkdir()
    (folder / "source.c").write_text(source)
    command = [compiler, "-shared", "-fPIC", *flags, "-o", str(made), str(folder / "source.c")]
    subprocess.run(command, check=True)
    return made


def wheel(file: Path, **contents: bytes) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return file


def test_harmless_instructions_pass() -> None:
    assert gates.instructions(HARMLESS) == "3 functions"


@pytest.mark.parametrize(
    "line",
    [
        "vfmadd213ps %ymm0,%ymm1,%ymm2",
        "vfnmsub231sd %xmm0,%xmm1,%xmm2",
        "rsqrtps %xmm0,%xmm1",
        "vrsqrt14ps %zmm0,%zmm1",
        "vrcpps %ymm0,%ymm1",
        "rcpss  %xmm0,%xmm1",
        "fmla   v0.4s, v1.4s, v2.4s",
        "fmadd  d0, d1, d2, d3",
        "frsqrte v0.4s, v1.4s",
    ],
)
def test_inexact_instructions_are_stopped(line: str) -> None:
    with pytest.raises(DistributionError, match=r"inexact instructions in .*x86_64_v4::other"):
        gates.instructions(HARMLESS | {"fastopt::x86_64_v4::other": [line]})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("fastopt::baseline::sweep", "vmulps %ymm0,%ymm1,%ymm2"),
        ("fastopt::x86_64_v3::sweep", "vmulps %zmm0,%zmm1,%zmm2"),
        ("std::vector<int>::push_back", "vmovdqu %ymm0,(%rdi)"),
    ],
)
def test_registers_of_a_higher_level_are_stopped(name: str, line: str) -> None:
    assert machine_code.beyond_their_level({name: [line]}) == {name}
    with pytest.raises(DistributionError, match="registers of a higher instruction set"):
        gates.instructions(HARMLESS | {name: [line]})


def test_a_stripped_extension_is_stopped() -> None:
    with pytest.raises(DistributionError, match="is stripped"):
        gates.instructions({".text": ["ret"]})


@linux
def test_a_second_export_is_stopped(tmp_path: Path) -> None:
    source = "void PyInit__native(void) {} void another(void) {}"
    with pytest.raises(DistributionError, match="another"):
        gates.exports(library(tmp_path, source))
    (tmp_path / "right").mkdir()
    assert gates.exports(library(tmp_path / "right", source.split("void another")[0]))


@linux
def test_paths_of_the_build_machine_are_stopped(tmp_path: Path) -> None:
    forbidden = ["/home/somebody/fastopt"]
    library(tmp_path, "int x;")
    assert gates.paths(tmp_path / "fastopt", forbidden) == "none"
    (tmp_path / "fastopt" / "page.txt").write_text("at /home/somebody/fastopt/csrc/plan.cpp")
    with pytest.raises(DistributionError, match=r"page\.txt contains the path /home/somebody/fastopt"):
        gates.paths(tmp_path / "fastopt", forbidden)


@linux
def test_a_search_path_is_stopped(tmp_path: Path) -> None:
    made = library(tmp_path, "int x;", "-Wl,-rpath,/opt/somewhere")
    with pytest.raises(DistributionError, match="library search path"):
        gates.paths(made.parent, [])


def test_a_large_wheel_is_stopped(tmp_path: Path) -> None:
    small, large = tmp_path / "small.whl", tmp_path / "large.whl"
    small.write_bytes(b"0" * gates.MOST_BYTES)
    large.write_bytes(b"0" * (gates.MOST_BYTES + 1))
    assert gates.size(small) == "2.00 MiB of 2"
    with pytest.raises(DistributionError, match=r"large\.whl has 2097153 bytes"):
        gates.size(large)


def test_builds_that_differ_are_stopped(tmp_path: Path) -> None:
    first = wheel(tmp_path / "1.whl", same=b"1", other=b"2")
    second = wheel(tmp_path / "2.whl", same=b"1", other=b"3")
    assert gates.same_bytes(first, first)
    with pytest.raises(DistributionError, match=r"differ in \['other'\]"):
        gates.same_bytes(first, second)


def test_a_file_that_the_sdist_lacks_is_named() -> None:
    assert gates.complete(["fastopt-1/a.py", "fastopt-1/PKG-INFO"], ["a.py", ".ci/run"]) == "2 files"
    with pytest.raises(DistributionError, match=r"\['tests/b\.py'\]"):
        gates.complete(["fastopt-1/a.py"], ["a.py", "tests/b.py"])


def said_by_auditwheel(folder: Path, text: str) -> Path:
    script = folder / "auditwheel"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    script.chmod(0o755)
    return script


@linux
@pytest.mark.parametrize(
    ("tag", "vendored", "fault"),
    [
        ("manylinux_2_28_x86_64", "", ""),
        ("manylinux_2_34_x86_64", "", "tagged"),
        ("linux_x86_64", "", "tagged"),
        ("manylinux_2_28_x86_64", "fastopt.libs/libgomp.so", "libgomp"),
    ],
)
def test_the_platform_tag(tmp_path: Path, tag: str, vendored: str, fault: str) -> None:
    file = tmp_path / "fastopt-1-cp311-cp311-manylinux_2_28_x86_64.whl"
    wheel(file, **({vendored: b""} if vendored else {}))
    auditwheel = said_by_auditwheel(
        tmp_path, f'it is consistent with\nthe following platform tag: "{tag}".'
    )
    if not fault:
        assert gates.policy(file, auditwheel) == tag
        return
    with pytest.raises(DistributionError, match=fault):
        gates.policy(file, auditwheel)


@linux
def test_a_tool_that_finds_a_fault_stops_the_wheel(tmp_path: Path) -> None:
    for name, status in (("twine", 0), ("check-wheel-contents", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} was here\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(DistributionError, match="check-wheel-contents was here"):
        gates.metadata([tmp_path / "a.whl"], tmp_path)


def test_this_interpreter_is_taken_and_others_are_not(tmp_path: Path) -> None:
    assert environments.interpreters([sys.executable]) == [Path(sys.executable)]
    with pytest.raises(SystemExit, match=r"no CPython from 3\.11 on"):
        environments.interpreters([str(tmp_path / "python3.12")])


@linux
def test_the_path_without_compiler_has_none(tmp_path: Path) -> None:
    path = environments.without_compiler(tmp_path / "bin")
    assert not any(
        shutil.which(name, path=path) for name in ("cc", "gcc", "c++", "g++", "clang++", "cmake")
    )


def test_the_tests_are_laid_out_without_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in ("python/fastopt", "tests"):
        (source / folder).mkdir(parents=True)
    assert sorted(p.name for p in installed.place(source, tmp_path / "at").iterdir()) == ["tests"]


def test_every_test_that_a_wheel_runs_is_there() -> None:
    assert all((builds.ROOT / name).is_file() for name in installed.SMOKE)
