"""What a wheel has to do once it is installed, in a clean environment and outside the tree."""

import shutil
import subprocess
from pathlib import Path

from tools.check_dist.environments import clean, environment, without_compiler
from tools.check_dist.gates import DistributionError

SMOKE = ["tests/house/test_installed.py", "tests/state/test_released_checkpoints.py"]
REST = ["-n", "auto", "--dist", "worksteal", "tests", "--ignore=tests/oracles"]
INFO = "import fastopt; info = fastopt.build_info(); print(info['backend'], *info['isa_levels'])"


def place(source: Path, folder: Path) -> Path:
    """Lay out what the tests read, without the package itself: what is tested is what is installed."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("python"))
    return folder


def native(wheel: Path, python: Path, folder: Path) -> list[str]:
    """Install the wheel where no compiler is, and give the levels that its native backend runs."""
    inside = environment(python, folder / "bare", wheel)
    said = _run(inside, "-c", INFO, at=folder, PATH=without_compiler(folder / "path"))
    backend, *levels = said.split()
    if backend != "native":
        raise DistributionError(f"{wheel.name} runs on the backend {backend} instead of native")
    return levels


def suite(wheel: Path, python: Path, source: Path, folder: Path, levels: list[str], quick: bool) -> str:
    """Run the tests: what needs NumPy alone once per level, and unless `quick` all others once."""
    at = place(source, folder / "outside")
    packages = [wheel, "pytest>=8"] if quick else [f"fastopt[test] @ {wheel.as_uri()}"]
    inside = environment(python, folder / "tested", *packages)
    for level in levels:
        _run(inside, "-m", "pytest", "-q", *SMOKE, at=at, FASTOPT_ISA=level)
    said = "" if quick else _run(inside, "-m", "pytest", "-q", *REST, at=at).splitlines()[-1]
    return f"{len(levels)} levels {said}".strip()


def _run(*command: str | Path, at: Path, **settings: str) -> str:
    done = subprocess.run(
        [str(c) for c in command],
        cwd=at,
        env=clean(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DistributionError(
            f"{' '.join(map(str, command))} failed:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
        )
    return done.stdout
