"""The number of threads that a step may use."""

import os
from math import ceil

from fastopt.runtime.arguments import whole
from fastopt.runtime.warning import warn

MOST = 256
_chosen: int | None = None
_default: int | None = None


def set_num_threads(count: int) -> None:
    """Use at most `count` threads (the calling one included) in every step from now on.

    Raises TypeError or ValueError for anything but a whole number from 1 to 256. Nothing outside
    fastopt changes. Before the first call the number is that of ``FASTOPT_NUM_THREADS``, else of
    ``OMP_NUM_THREADS``, else that of the processors which affinity and cgroup quota leave us.
    """
    global _chosen
    _chosen = whole(count, "the number of threads", 1, MOST)


def get_num_threads() -> int:
    """Return how many threads a step may use; little work uses fewer."""
    global _default
    if _chosen is not None:
        return _chosen
    if _default is None:
        _default = min(_from_environment() or available(), MOST)
    return _default


def available() -> int:
    """Count the processors that this process may use: its affinity, within its cgroup's quota."""
    known = hasattr(os, "sched_getaffinity")
    count = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return max(1, ceil(min(count, cgroup_quota())))


def cgroup_quota(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> float:
    """Return the processors' worth of time that the cgroup and those above it grant, or inf."""
    quotas = [float("inf")]
    for line in (_read(membership) or "").splitlines():
        if line.count(":") < 2:
            continue
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = f"{root}/cpu" if controllers else str(root)
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            quotas.append(_quota_of("/".join([top, *parts[:depth]])))
    return min(quotas)


def _quota_of(group: str) -> float:
    both = _read(f"{group}/cpu.max")
    if both is None:
        both = f"{_read(f'{group}/cpu.cfs_quota_us')} {_read(f'{group}/cpu.cfs_period_us')}"
    try:
        quota, period = both.split()
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return float("inf")


def _read(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


def _from_environment() -> int | None:
    for name in ("FASTOPT_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        if not text:
            continue
        if text.isdecimal() and int(text) >= 1:
            return int(text)
        warn(f"{name}={os.environ[name]!r} is ignored: it must be a whole number >= 1")
    return None
