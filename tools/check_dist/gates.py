"""What every wheel and sdist has to pass: functions that raise, or say what they found."""

import hashlib
import re
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path

from tools.check_dist import machine_code

MOST_BYTES = 2 * 1024 * 1024  # of a wheel
NOT_IN_SDIST = (".ci/", ".github/", ".git", ".pre-commit")


class DistributionError(Exception):
    """A distribution that must not be published, and why."""


def output(*command: str | Path) -> str:
    """Run a program that must succeed, and give back what it prints."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DistributionError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def size(wheel: Path) -> str:
    """Keep the wheel small."""
    found = wheel.stat().st_size
    if found > MOST_BYTES:
        raise DistributionError(f"{wheel.name} has {found} bytes, the most is {MOST_BYTES}")
    return f"{found / 1024 / 1024:.2f} MiB of {MOST_BYTES // 1024 // 1024}"


def metadata(files: Iterable[Path], tools: Path) -> str:
    """Ask twine and, for wheels, check-wheel-contents."""
    files = list(files)
    output(tools / "twine", "check", "--strict", *files)
    output(tools / "check-wheel-contents", *(f for f in files if f.suffix == ".whl"))
    return f"{len(files)} files"


def policy(wheel: Path, auditwheel: Path) -> str:
    """Compare the platform tag with what auditwheel finds; nothing may have been vendored."""
    said = output(auditwheel, "show", wheel)
    found = re.search(r'following platform tag:\s+"(\w+)"', " ".join(said.split()))
    if not found:
        raise DistributionError(f"auditwheel does not name a platform tag for {wheel.name}:\n{said}")
    tags = wheel.stem.split("-")[-1].split(".")
    if found[1] not in tags or found[1].startswith("linux_"):
        raise DistributionError(f"{wheel.name} is tagged {tags}, and auditwheel finds {found[1]}")
    vendored = [name for name in members(wheel) if ".libs/" in name]
    if vendored:
        raise DistributionError(f"{wheel.name} brings libraries of this machine along: {vendored}")
    return found[1]


def exports(extension: Path) -> str:
    """Export the module's init alone."""
    lines = output("nm", "-D", "--defined-only", extension).splitlines()
    names = {line.split()[-1] for line in lines}
    if names != {"PyInit__native"}:
        raise DistributionError(
            f"{extension.name} exports {sorted(names)} instead of PyInit__native alone"
        )
    return "PyInit__native"


def paths(folder: Path, forbidden: Iterable[str]) -> str:
    """Keep the folders of the build machine out of every file, and out of the library's search path."""
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        text = file.read_bytes()
        for path in forbidden:
            if path.encode() in text:
                raise DistributionError(
                    f"{file.name} contains the path {path} of the machine that built it"
                )
        if file.suffix == ".so" and re.search(r"\(R(UN)?PATH\)", output("readelf", "-d", file)):
            raise DistributionError(f"{file.name} has a library search path of its own")
    return "none"


def instructions(functions: machine_code.Functions) -> str:
    """Ask for exact operations alone, and for registers of a level in its kernels alone."""
    if not any("fastopt::" in name for name in functions):
        raise DistributionError(
            "the extension is stripped: nobody can say which level its code belongs to"
        )
    if found := machine_code.inexact(functions):
        raise DistributionError(f"inexact instructions in {sorted(found)[:5]}")
    if found := machine_code.beyond_their_level(functions):
        raise DistributionError(f"registers of a higher instruction set in {sorted(found)[:5]}")
    return f"{len(functions)} functions"


def same_bytes(first: Path, second: Path) -> str:
    """Compare two builds of one commit."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (first, second)]
    if digests[0] != digests[1]:
        a, b = (contents(file) for file in (first, second))
        different = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
        raise DistributionError(
            f"two builds of one commit differ in {different or 'the archive itself'}"
        )
    return digests[0][:16]


def complete(members_of_sdist: Iterable[str], tracked: Iterable[str]) -> str:
    """Ask for every tracked file in the sdist, but those that only the repository needs."""
    there = {name.split("/", 1)[-1] for name in members_of_sdist}
    missing = [f for f in tracked if f not in there and not f.startswith(NOT_IN_SDIST)]
    if missing:
        raise DistributionError(f"the sdist does not have {missing}")
    return f"{len(there)} files"


def members(wheel: Path) -> list[str]:
    """Name the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def contents(wheel: Path) -> dict[str, bytes]:
    """Give a wheel's files by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
