"""Plants faults in fastopt, one at a time, and shows that the tests notice every one.

``python tools/mutants.py`` works on copies of the tree; the table of faults is mutants.toml beside this
file. For each the tests that should notice it run first, and the others (without tests/oracles) if they
have not. It ends with status 1 if a fault was noticed by none. ``--jobs 2`` works on two at once,
``--only PIECE`` on those whose file or line contains the piece, ``--skip N`` leaves out the first N.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "tools" / "mutants.toml"
LONGEST = 1200  # seconds: who takes longer hangs, which is noticed too
WITHOUT = ["--ignore", "tests/oracles", "--ignore", "tests/test_mutants.py"]


class Mutant(NamedTuple):
    """One fault."""

    file: str
    old: str
    new: str
    tests: list[str]

    @property
    def label(self) -> str:
        """Say what it is, in a line."""
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}: {old} -> {new or 'nothing'}"


def mutants() -> list[Mutant]:
    """Read the table."""
    table = tomllib.loads(TABLE.read_text())
    return [
        Mutant(*entry, shlex.split(group["tests"]))
        for group in table["group"]
        for entry in group["mutants"]
    ]


class Tree:
    """A copy of the project, a build of it, and an interpreter that imports it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        venv.create(root / "venv", symlinks=True)
        self.python = str(root / "venv" / "bin" / "python")
        lines = [str(root / "python"), sysconfig.get_path("purelib"), *_further_paths()]
        packages = subprocess.run(
            [self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        (Path(packages) / "tree.pth").write_text("\n".join(lines))
        self._cmake("-S", str(root), "-B", str(root / "build"), "-G", "Ninja", *_settings())
        if not self.build():
            raise RuntimeError("the extension does not compile as it is")

    def build(self) -> bool:
        """Compile what has changed; say whether it compiles."""
        done = subprocess.run(
            [_tool("cmake"), "--build", str(self.root / "build")], check=False, capture_output=True
        )
        for module in (self.root / "build").glob("_native*"):
            shutil.copy2(module, self.root / "python" / "fastopt")
        return done.returncode == 0

    def passes(self, tests: list[str]) -> bool:
        """Run tests up to the first that fails."""
        command = [self.python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        try:
            done = subprocess.run(
                command, cwd=self.root, check=False, capture_output=True, text=True, timeout=LONGEST
            )
        except subprocess.TimeoutExpired:
            return False
        if done.returncode in (2, 3, 4, 5):  # pytest's own trouble, a wrong name of a test among them
            raise RuntimeError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
        return done.returncode == 0

    def try_out(self, mutant: Mutant) -> str:
        """Plant a fault; say who has noticed it."""
        path = self.root / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            raise RuntimeError(f"the table is out of date: {mutant.label}")
        path.write_text(text.replace(mutant.old, mutant.new))
        try:
            if not self.build():
                raise RuntimeError(f"it does not compile: {mutant.label}")
            if not self.passes(self.there(mutant.tests)):
                return "noticed"
            return "noticed by the others" if not self.passes(["tests", *WITHOUT]) else "SURVIVED"
        finally:
            path.write_text(text)

    def there(self, tests: list[str]) -> list[str]:
        """Leave out files of tests that are not in this tree."""
        return [t for t in tests if not t.startswith("tests/") or (self.root / t).exists()]

    def _cmake(self, *arguments: str) -> None:
        subprocess.run([_tool("cmake"), *arguments], check=True, capture_output=True)


def _settings() -> list[str]:
    import pybind11

    return [
        "-DSKBUILD_PROJECT_NAME=fastopt",
        "-DSKBUILD_PROJECT_VERSION=0",
        "-DSKBUILD_PROJECT_VERSION_FULL=0",
        "-DFASTOPT_LEVELS=baseline",
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}",
    ]


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise SystemExit(f"{name} is needed: pip install {name}")
    return found


def _further_paths() -> list[str]:
    """List where this interpreter finds what its own folder of packages does not have."""
    return [path for path in sys.path if path.endswith("site-packages")]


def main() -> int:
    """Try out the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--only", default="", help="a piece of file or line")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first, after a break")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in mutants() if arguments.only in mutant.label][arguments.skip :]
    if not chosen:
        raise SystemExit(f"no fault of the table contains {arguments.only!r}")
    trees: SimpleQueue[Tree] = SimpleQueue()
    survived = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        for k in range(arguments.jobs):
            trees.put(Tree(Path(folder) / str(k)))

        def run(mutant: Mutant) -> tuple[Mutant, str, float]:
            tree, begun = trees.get(), time.monotonic()
            try:
                return mutant, tree.try_out(mutant), time.monotonic() - begun
            finally:
                trees.put(tree)

        for mutant, found, seconds in pool.map(run, chosen):
            survived += found == "SURVIVED"
            print(f"{found:22} {seconds:5.0f} s  {mutant.label}", flush=True)
    print(f"{len(chosen)} faults planted, {len(chosen) - survived} noticed, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main())
