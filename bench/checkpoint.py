"""``python -m bench.checkpoint``: a large state saved and loaded, against the disk itself.

Beside each save the same bytes are written plainly and flushed to disk; beside each load they are read
plainly, in blocks, into new arrays. Files are dropped from the page cache before they are read, as far
as the system does that. Contestants take turns; medians. On Linux, which tells the memory in use.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastopt import checkpoint
from fastopt.checkpoint.arrays import blocks, bytes_of

Arrays = dict[str, NDArray[Any]]
MEGABYTE = 1 << 20


def state(gigabytes: float, count: int) -> Arrays:
    """Make the state of an Adam with arrays of several sizes, float32."""
    rng = np.random.default_rng(0)
    shares = np.repeat(np.linspace(1, 3, count // 2), 2)
    sizes = (shares / shares.sum() * gigabytes * 1e9 / 4).astype(int)
    noise = rng.standard_normal(MEGABYTE, np.float32)
    arrays = {
        f"layer{i // 2}.w/{'mv'[i % 2]}": np.empty(size, np.float32) for i, size in enumerate(sizes)
    }
    for array in arrays.values():
        for begin in range(0, array.size, noise.size):
            part = array[begin : begin + noise.size]
            part[...] = noise[: part.size]
    return arrays


def plain_write(path: Path, arrays: Arrays) -> None:
    with open(path, "wb", buffering=0) as file:
        for array in arrays.values():
            for block in blocks(bytes_of(array)):
                file.write(block)
        os.fsync(file.fileno())


def plain_read(path: Path, arrays: Arrays) -> Arrays:
    found = {name: np.empty_like(array) for name, array in arrays.items()}
    with open(path, "rb", buffering=0) as file:
        for array in found.values():
            for block in blocks(bytes_of(array)):
                file.readinto(block)
    return found


def save(path: Path, arrays: Arrays) -> None:
    checkpoint.write(path, {}, arrays)


def load(path: Path, arrays: Arrays) -> Arrays:
    expected = {name: checkpoint.ArraySpec.of(array) for name, array in arrays.items()}
    with checkpoint.Reader(path) as file:
        return file.read_all(expected).arrays


def forget(path: Path) -> None:
    """Drop a file from the page cache, where the system can."""
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(action: Callable[..., Any], *given: Any) -> tuple[float, float]:
    """Return the seconds of an action, and the most memory of the process meanwhile, in MB."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the most so far
    begin = perf_counter()
    action(*given)
    return perf_counter() - begin, most_memory()


def most_memory() -> float:
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(directory: Path, arrays: Arrays, rounds: int) -> None:
    size = sum(array.nbytes for array in arrays.values())
    before = most_memory()
    ways = {
        "plain": (plain_write, plain_read),
        "state.npz": (save, load),
        "state.safetensors": (save, load),
    }
    saving: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    loading: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (put, get) in ways.items():
            path = directory / name
            saving[name].append(timed(put, path, arrays))
            forget(path)
            loading[name].append(timed(get, path, arrays))
            path.unlink()
    print(f"{len(arrays)} arrays, {size / 1e9:.2f} GB, {rounds} rounds; memory: beside the state")
    print(f"{'':20}{'GB/s':>6}{'of plain':>10}{'memory':>10}")
    for doing, taken, held in (("save", saving, before), ("load", loading, before + size / MEGABYTE)):
        of_plain = median(seconds for seconds, _ in taken["plain"])
        for name, runs in taken.items():
            seconds, memory = median(s for s, _ in runs), max(m for _, m in runs) - held
            speed = f"{size / 1e9 / seconds:6.2f}{of_plain / seconds:9.2f}x"
            print(f"{doing} {name:<18}{speed}{memory:7.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--arrays", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", default=".", help="on the disk to measure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as made:
        measure(Path(made), state(given.gigabytes, given.arrays), given.rounds)
