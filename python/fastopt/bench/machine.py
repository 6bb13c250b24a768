"""Facts about the machine that is measured."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastopt
from fastopt.runtime import available

PACKAGES = ("numpy", "numba", "torch", "optax", "jax", "thinc", "scikit-learn", "deepspeed")


class Cache(NamedTuple):
    """A level of cache: the size of one, and how many of them our processors have."""

    level: int
    size: int
    number: int


def describe() -> dict[str, Any]:
    """Return the facts that a comparison with another machine needs."""
    info = fastopt.build_info()
    return {
        "processor": processor(),
        "processors": available(),
        "caches": [cache._asdict() for cache in caches()],
        "memory_bytes": memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "fastopt": info["version"],
        **{name: info[name] for name in ("backend", "isa", "compiler")},
        "blas": blas(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def processor() -> str:
    """Return the name of the processor."""
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def caches(root: str = "/sys/devices/system/cpu") -> list[Cache]:
    """List the data caches of the processors that we may use; none where the system has no record."""
    found: dict[int, tuple[int, set[str]]] = {}
    for cpu in sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []:
        for index in sorted(Path(root, f"cpu{cpu}", "cache").glob("index*")):
            level, size = _read(index / "level"), _read(index / "size")
            kind, sharers = _read(index / "type"), _read(index / "shared_cpu_list")
            if kind == "Instruction" or not level.isdecimal() or not size[:-1].isdecimal():
                continue
            unit = {"K": 1 << 10, "M": 1 << 20}.get(size[-1])
            if unit:
                found.setdefault(int(level), (int(size[:-1]) * unit, set()))[1].add(sharers)
    return [Cache(level, size, len(sets)) for level, (size, sets) in sorted(found.items())]


def memory() -> int | None:
    """Return the bytes of memory that we may use, if the system has them."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    limit = _read(Path("/sys/fs/cgroup/memory.max"))
    return min(total, int(limit)) if limit.isdecimal() else total


def load() -> float:
    """Return the number of busy processors, the mean of the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def blas() -> str:
    """Name the library of NumPy's matrix products."""
    try:
        found: Any = np.show_config(mode="dicts")
        return str(found["Build Dependencies"]["blas"]["name"])
    except (KeyError, TypeError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
