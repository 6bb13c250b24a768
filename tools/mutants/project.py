"""fastopt's own tree: copied, built at one instruction set, and imported from the copy."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tools.mutants.tree import StopError, Tree

ROOT = Path(__file__).parent.parent.parent
# What the table is checked by fails with every fault, and the oracles take long.
WHOLE = ("tests", "--ignore=tests/oracles", "--ignore=tests/house/test_mutants.py")


def whole(jobs: int) -> tuple[str, ...]:
    """Select all tests, on the processors that each of so many jobs has."""
    processes = max(1, len(os.sched_getaffinity(0)) // jobs)
    return (*WHOLE, "-n", str(processes), "--dist", "worksteal")


class Project(Tree):
    """A copy of fastopt, a build of it, and an interpreter that imports it."""

    def __init__(self, root: Path) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        super().__init__(root, _interpreter(root))
        settings = ["-S", str(root), "-B", str(root / "build"), "-G", "Ninja", *_settings(root)]
        subprocess.run([_tool("cmake"), *settings], check=True, capture_output=True)
        if not self.build():
            raise StopError("the extension does not compile as it is")

    def build(self) -> bool:
        """Compile what has changed; return whether it compiles."""
        done = subprocess.run(
            [_tool("cmake"), "--build", str(self.root / "build")], check=False, capture_output=True
        )
        for module in (self.root / "build").glob("_native*"):
            shutil.copy2(module, self.root / "python" / "fastopt")
        return done.returncode == 0


def _interpreter(root: Path) -> str:
    """Make an environment that has the tree's package, and all that the one in use has."""
    venv.create(root / "venv", symlinks=True)
    python = str(root / "venv" / "bin" / "python")
    further = [path for path in sys.path if path.endswith("site-packages")]
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    paths = [str(root / "python"), sysconfig.get_path("purelib"), *further]
    (Path(packages) / "tree.pth").write_text("\n".join(paths))
    return python


def versions(root: Path) -> list[str]:
    """Tell CMake the version of the package, which tests compare with that of the extension."""
    said = (root / "python" / "fastopt" / "version.py").read_text()
    found = re.search(r'__version__ = "((\d+(?:\.\d+)*).*)"', said)
    if found is None:
        raise StopError("python/fastopt/version.py has no version")
    return [
        f"-DSKBUILD_PROJECT_VERSION={found[2]}",
        f"-DSKBUILD_PROJECT_VERSION_FULL={found[1]}",
    ]


def _settings(root: Path) -> list[str]:
    import pybind11

    return [
        "-DSKBUILD_PROJECT_NAME=fastopt",
        *versions(root),
        "-DFASTOPT_LEVELS=baseline",
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}",
    ]


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise StopError(f"{name} is needed: pip install {name}")
    return found
