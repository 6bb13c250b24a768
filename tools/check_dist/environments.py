"""Interpreters on this machine, and clean virtual environments of them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST = (3, 11)
ASK = "import sys; print(sys.implementation.name, *sys.version_info[:2], getattr(sys, 'abiflags', ''))"
SETTINGS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "FASTOPT_BACKEND", "FASTOPT_ISA")


def clean(**settings: str) -> dict[str, str]:
    """Give the environment without what would lead to other packages, and with these settings."""
    return {k: v for k, v in os.environ.items() if k not in SETTINGS} | settings


def version_of(python: str | Path) -> tuple[int, int, str] | None:
    """Say (major, minor, ABI flags) of a CPython that is recent enough, nothing for all others."""
    try:
        said = subprocess.run(
            [str(python), "-c", ASK],
            capture_output=True,
            text=True,
            check=True,
            env=clean(),
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    name, major, minor, *flags = said.stdout.split()
    version = (int(major), int(minor))
    return (*version, "".join(flags)) if name == "cpython" and version >= OLDEST else None


def interpreters(given: list[str]) -> list[Path]:
    """Give one CPython of each version: those given, or those on the PATH and of pyenv."""
    found: dict[tuple[int, int, str], Path] = {}
    for candidate in given or _candidates():
        version = version_of(candidate)
        if version is not None:
            found.setdefault(version, Path(candidate))
        elif given:
            raise SystemExit(f"{candidate} is no CPython from {'.'.join(map(str, OLDEST))} on")
    return [found[version] for version in sorted(found)]


def _candidates() -> list[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = [
        str(file)
        for folder in os.get_exec_path()
        for file in sorted(Path(folder).glob("python3.*"))
        if re.fullmatch(r"python3\.\d+t?", file.name) and "shims" not in folder
    ]
    return [str(file) for file in sorted(pyenv.glob("*/bin/python"))] + on_path


def environment(python: Path, folder: Path, *packages: str | Path) -> Path:
    """Make a clean virtual environment with these packages, and give its interpreter."""
    subprocess.run([str(python), "-m", "venv", str(folder)], check=True, env=clean())
    inside = folder / "bin" / "python"
    install = [str(inside), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, *map(str, packages)], check=True, env=clean())
    return inside


def without_compiler(folder: Path) -> str:
    """Give a PATH that has no compiler: that of an empty folder with what a shell needs."""
    folder.mkdir()
    for name in ("sh", "env", "uname"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return str(folder)
